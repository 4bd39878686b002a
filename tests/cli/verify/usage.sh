# What cannot be asked for; an expectation that is wrong shows where.
mkdir d
trace small d/a.jnt
v() { jitness verify "$@"; echo "exit $?"; }
v
v d
v d --expect
v d --expect 'prefil:compiled'
v d --expect 'prefill:compild'
v d --expect 'p98(decode)<12ms'
v d --expect 'compiles(orgin=inductor)<=8'
v d --expect 'p99(decode)<12'
v d --expect 'p99(decode)=12ms'
v d --expect 'lost==0' --expect ''
v d --expect $'lost\x1b[2J==0'
v d --expect 'median(prefill) ratio<1.05'
v d --expect 'lost==0' --stric
v d e --expect 'lost==0'
v absent --expect 'lost==0'
v d --expect 'lost==0' --phase-rules absent.json
v d --expect 'lost==0' --junit absent/out.xml
