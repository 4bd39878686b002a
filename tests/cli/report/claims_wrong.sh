# A file of claims that is wrong says where.
mkdir d
trace small d/a.jnt
c() { printf '%s' "$1" >c.json; jitness report d --claims c.json; echo "exit $?"; }
c '{"claims": [{"claim": "x", "expect": "lost=0"}]}'
c '{"claims": [{"claim": "x", "expect": "lost==0"}, {"claim": "y", "expect": ["lost==0", "prefil:compiled"]}]}'
c '{"claims": [{"claim": "x"}]}'
c '{"claims": [{"expect": "lost==0"}]}'
c '{"claims": [{"claim": "x", "expects": "lost==0"}]}'
c '{"claims": [{"claim": "x", "expect": [7]}]}'
c '{"claims": [{"claim": "x", "expect": {}}]}'
c '{"claims": ["lost==0"]}'
c '{"claims": []}'
c '{"label": "x"}'
c '{"lable": "x", "claims": []}'
c '{"why": "x", "claims": []}'
c '{"label": 1, "claims": []}'
c '{"claims": []
]'
rm c.json
jitness report d --claims c.json; echo "exit $?"
jitness report d --claims c.json --explain k; echo "exit $?"
jitness report d --claims c.json --no-phases; echo "exit $?"
# A name of the user's rules is an origin; a text that moves the cursor is none.
echo '{"origins": [{"name": "my.kernels", "kernel": "^k"}]}' >o.json
printf '{"label": "a\\u001b[2J", "claims": [{"claim": "mine\\nis", "expect": "compiles(origin=my.kernels)==0"}]}' >c.json
jitness report d --claims c.json; echo "exit $?"
jitness report d --claims c.json --origin-rules o.json | sed -n '/^Claims/,$p'
