# tools/jnt.py, written from docs/trace-format.md, says the same byte for byte.
for t in full odd small truncated no_end frames; do
	trace $t $t/a.jnt
	jitness dump --ndjson $t >c
	"$DATA/../../../tools/jnt.py" $t >py
	cmp c py && [ -s c ] && echo "$t: same"
done
