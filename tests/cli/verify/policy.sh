# Expectations from a file: with names, reasons, and on their own lines in the errors.
mkdir d
trace small d/a.jnt
policy() { printf '%s' "$1" >p.json; jitness verify d --policy p.json; echo "exit $?"; }
policy '{"expect": ["lost==0", {"expr": "kernels==2", "name": "two kernels", "why": "the program has two"}]}'
policy '{"expect": ["prefill:compiled"]}'
policy '{"expect": ["prefill:compiled"], "strict": true}'
policy '{"expect": ["lost=0"]}'
policy '{"expect": ["lost==0", {"expr": "kernels<=1ms"}]}'
policy '{"expect": []}'
policy '{"expct": ["lost==0"]}'
policy '{"expect": [{"expr": "lost==0", "names": "x"}]}'
policy '{"expect": ["lost==0"], "strict": 1}'
policy '{"expect": ["lost==0"]
,}'
policy '{"expect": ["lost==0"]} trailing'
rm p.json
jitness verify d --policy p.json; echo "exit $?"
# Both kinds together; a reference that is not there.
printf '{"expect": ["kernels==1"], "reference": "eager.jitness"}' >p.json
jitness verify d --policy p.json --expect 'launches==1'; echo "exit $?"
