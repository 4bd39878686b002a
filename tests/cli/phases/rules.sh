# Rules that are wrong: one sentence each, and where.
trace small d/a.jnt
try() { echo "$1" >rules.json; jitness phases d --phase-rules rules.json >/dev/null; echo "exit $?"; }
try '{'
try '{"phases": {}}'
try '{"phases": [1]}'
try '{"phases": [{"label": "decode"}]}'
try '{"phases": [{"nvtx": "step"}]}'
try '{"phases": [{"label": "decoding", "nvtx": "step"}]}'
try '{"phases": [{"label": "decode", "nvtx": "("}]}'
try '{"phases": [{"label": "decode", "nvtx": ""}]}'
try '{"phases": [{"label": "decode", "thread": "3"}]}'
try '{"phases": [{"label": "decode", "thread": -1}]}'
try '{"phases": [{"label": "decode", "nvxt": "a"}]}'
try '{"phases": [{"label": "decode", "nvtx": "a", "thread": 7}]}'
jitness phases d --phase-rules absent.json; echo "exit $?"
try '{"phases": [{"label": "decode", "zzzzzzzz": "a"}]}'
try '{"phases": [{"label": "decode", "kernel": 5}]}'
try '{"phases": [{"label": "decode", "python": "*["}]}'
try '{"phases": [{"label": "decode", "graph": "all"}]}'
try '{"phases": [{"label": "decode", "stream": "any"}]}'
try '{"phases": [{"label": "decode", "kernel": "a", "graph": "any", "stream": 7, "python": "b"}]}'
