# What cannot be compared is said in a sentence, and nothing else is concluded.
verdict() {
	jitness diff "$@" >out 2>err
	code=$?
	grep -E '^(no difference|faster|slower|not c|warn)' out | sed -E 's/(pass|prefill|decode) s2/NAME s2/'
	sed 's/^/err: /' err
	echo "exit $code"
}
plain=$(python3 "$DATA/phases.py")
device() { # device NAME UUID: the same trace with this one
	sed "s/^string id=1 .*/device device=0 cc_major=9 cc_minor=0 sms=132 uuid_hi=1 uuid_lo=$2 name=\"$1\"\n&/" <<<"$plain"
}
mkdir a level gpu other second driver lost none churn cut empty
mktrace a/a.jnt <<<"$plain"
sed 's/level=1/level=2/' <<<"$plain" | mktrace level/a.jnt
verdict a level
device 'GPU X' 2 | mktrace gpu/a.jnt
device 'GPU Y' 2 | mktrace other/a.jnt
device 'GPU X' 3 | mktrace second/a.jnt
verdict gpu other
verdict gpu second
verdict gpu a
sed 's/^string id=1 .*/info time=1000000000000000000 pair="driver_version\\013.0"\n&/' <<<"$plain" | mktrace driver/a.jnt
verdict a driver
python3 "$DATA/phases.py" lost | mktrace lost/a.jnt
verdict a lost
trace no_gpu none/a.jnt
verdict a none
sed 's/level=1/level=0/; /^launch/d; /^kernel/d; /^memcpy/d; /^sync/d' <<<"$plain" | mktrace churn/a.jnt
verdict churn a
mktrace cut/a.jnt <<<"$plain"
truncate -s -20 cut/a.jnt
verdict cut a
verdict a empty
verdict a absent
sed 's/text="\([a-z_]*\)"/text="other_\1"/' <<<"$plain" | mktrace empty/a.jnt
verdict a empty
