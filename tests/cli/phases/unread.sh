# Operations that could not be joined are said, and only then; the session of the other cases has none.
mkdir d e f
python3 "$DATA/phases.py" | mktrace d/a.jnt
jitness phases d | sed -n 2p | cut -c1-5
numbers() {
	jitness phases "$1" --json | python3 -c '
import json, sys
p = json.load(sys.stdin)["processes"][0]
print([(k, p[k]) for k in ("passes", "unmatched", "orphans", "late", "unplaced")])'
}
numbers d
# The record of the first kernel is lost, the launch of the second, and one has no id that can be.
python3 "$DATA/phases.py" | sed -e '0,/^kernel .*corr=1 /{/^kernel .*corr=1 /d}' \
	-e '/^launch .*corr=2 /d' -e 's/^\(kernel .*\)corr=3 /\1corr=0 /' | mktrace e/a.jnt
jitness phases e | sed -n 2p
jitness report e | grep 'without a GPU'
numbers e
# One kernel comes more than half a million launches later, in a process that has no passes.
mktrace f/a.jnt <<END
pid 7
string id=1 text="late"
repeat 1050000 20
launch tid=7 start=1000 end=1010 corr=1
flush 0
kernel start=2000 end=2010 corr=1 name=1 context=1 stream=7
end tid=7 time=90000000 reason=0
END
jitness phases f --top 1 | sed -n 2p
# A process without passes says it, too.
mkdir g
mktrace g/a.jnt <<END
pid 7
launch tid=7 start=1000 end=1010 corr=1
END
jitness phases g
