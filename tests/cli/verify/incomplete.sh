# Sessions of which something is missing: no verdict is surer than what was recorded.
v() { jitness verify "$@"; echo "exit $?"; }
python3 "$DATA/phases.py" >whole.txt
mkdir whole lost cut none churn two
mktrace whole/a.jnt <whole.txt
echo '== nothing is missing'
v whole --expect 'loads<=8' --expect 'p50(pass)<1s' --expect 'lost==0' --expect 'loads(phase=pass)==0'
echo '== records lost'
python3 "$DATA/phases.py" lost | mktrace lost/a.jnt
v lost --expect 'loads<=8' --expect 'loads==0' --expect 'p50(pass)<1s' --expect 'lost==0' --expect 'lost<=5'
echo '== cut off'
head -c $(($(stat -c %s whole/a.jnt) - 100)) whole/a.jnt >cut/a.jnt
v cut --expect 'loads<=8' --expect 'launches>=1000000' --expect 'truncated==0'
v cut --expect 'loads<=8' --strict
echo '== no GPU records'
trace no_gpu none/a.jnt
v none --expect 'prefill:compiled' --expect 'compiles==0' --expect 'kernels==0' --expect 'passes(pass)>=1'
echo '== level churn'
sed 's/ level=1$/ level=0/' whole.txt | mktrace churn/a.jnt
v churn --expect 'pass:compiled' --expect 'p50(pass)<1s' --expect 'launches<=1000000' --expect 'stall-after-warmup<1%'
echo '== a process that was recorded at another level'
cp whole/a.jnt two/a.jnt
sed 's/ level=1$/ level=0/; s/^pid 7/pid 8/; s/ pid=7 / pid=8 /' whole.txt | mktrace two/b.jnt
v two --expect 'p50(pass)<1s' --expect 'p50(pass[process=7])<1s' --expect 'p50(pass[process=8])<1s' \
	--expect 'p50(pass[process=9])<1s'
echo '== one trace cannot be read'
echo "this is not a trace, and long enough to have a header" >whole/b.jnt
v whole --expect 'loads<=8' --expect 'loads==0'
v whole --expect 'loads<=8'
echo '== one ends before its header'
echo short >whole/b.jnt
v whole --expect 'loads<=8'
