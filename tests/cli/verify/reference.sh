# A reference that can say nothing is not used, and that is said everywhere: in verify, report and phases, text and JSON.
phases=$DATA/../../data/real/phases/redacted
session() { # session DIR LINE...: the small model that generates, with lines of its own
	mkdir "$1"
	{ python3 "$DATA/phases.py"; printf '%s\n' "${@:2}"; } | mktrace "$1/a.jnt"
}
device() { echo "device device=0 cc_major=9 cc_minor=0 sms=132 name=\"$1\""; }
session d "$(device 'GPU A')"
session same "$(device 'GPU A')"
session other "$(device 'GPU B')"
session churn 'process tid=7 time=1000000000000000000 pid=7 ppid=1 level=0'
session blind 'info tid=7 time=1000000000000000000 pair="gpu_records\0none"'
mkdir none; trace small none/a.jnt
for r in same other churn blind none "$phases/gpt2_compile.jitness" "$phases/gpt2_eager.jitness"; do
	echo "== ${r##*/}"
	jitness verify d --expect 'lost==0' --reference "$r" | sed "s|$phases/||"
done
grep -c . <(jitness verify d --expect 'lost==0' --reference other --json | grep '"reference_unused"')
jitness report d --reference other | grep '^the reference'
jitness phases d --reference other | grep '^the reference'
jitness phases d --reference other --explain | grep '^the reference'
jitness report d --reference other --json | grep '"reference_unused"'
jitness report d --reference same --json | grep -c '"reference_unused"'
