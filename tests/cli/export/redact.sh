trace full d/secret-host-4242.jnt
echo '{"event":"exit","pid":4242,"status":0}' >d/session.ndjson
echo '{"event":"child","exe":"/home/alice/ptxas"}' >>d/session.ndjson
jitness export d --redact -o shared; echo "exit $?"
ls shared
cat shared/session.ndjson
jitness dump shared
jitness dump --ndjson shared | grep -c -e alice -e node1 -e train.py
