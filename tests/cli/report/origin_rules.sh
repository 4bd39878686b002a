trace origins d/a.jnt
try() { printf '%s' "$1" >rules.json; jitness report d --origin-rules rules.json >out; echo "exit $?"; }
try '{"origins": [{"name": "ours", "kernel": "^mine$", "image": "cubin"}, {"name": "lt", "library": "cublas"}]}'
grep '^by origin' out
jitness report d --origin-rules rules.json --json | grep -c '"origin":.*"ours"'
jitness report d --origin-rules rules.json --explain mine | head -3
try '{"origins": [{"name": "x", "python": "serve\\.py$", "kernel": "nothing"}, {"name": "y", "path": "/app$"}]}'
grep '^by origin' out
try '{"origins": [{"name": "x", "kernel": "(" }]}'
try '{"origins": [{"name": "x", "kernal": "a" }]}'
try '{"origins": [{"name": "x", "zzzzzzzz": "a" }]}'
try '{"origins": [{"kernel": "a"}]}'
try '{"origins": [{"name": "x"}]}'
try '{"origins": [{"name": "a b", "kernel": "a"}]}'
try '{"origins": [{"name": "x", "image": "elf"}]}'
try '{"origins": [{"name": "x", "kernel": 5}]}'
try '{"origins": [{"name": "x", "kernel": ""}]}'
try '{"origins": [7]}'
try '{"rules": []}'
try '[]'
try '{"origins": [
  {"name": "x", kernel: "a"}]}'
try ''
jitness report d --origin-rules absent.json; echo "exit $?"
jitness report d --origin-rules d; echo "exit $?"
