# episodes.sh: sourced by tests/cli/timeline/*.sh. Records of a process as text for mktrace; times are
# milliseconds (with three decimals at most) since the process began.
ns() { awk -v t="$1" 'BEGIN { printf "1%018.0f", t * 1000000 }'; }
process() { # [LEVEL [PID]]
	echo "pid ${2:-7}
created $(ns 0)
process tid=${2:-7} time=$(ns 0) pid=${2:-7} ppid=1 level=${1:-1}
info time=$(ns 0) pair=\"host\\0node1\"
info time=$(ns 0) pair=\"gpu_records\\0full\"
clock realtime=$(ns 0) monotonic=5000000000"
}
python() { # ID PARENT FILE FUNCTION LINE
	echo "frame id=$1 parent=$2 type=1 line=$5 where=\"$3\\0$4\""
}
native() { # ID PARENT OBJECT PATH
	echo "object time=$(ns 0) id=$3 base=0x7f0000000000 start=0x7f0000000000 end=0x7f0000100000 file=\"$4\\0aa\"
frame id=$1 parent=$2 type=0 object=$3 offset=0x1234"
}
# A cubin and its one kernel: start, duration, id, kernel, then fields of LOAD such as tid= python= path=
cubin() { # MS DURATION ID KERNEL [FIELD=VALUE...]
	local t=$1 d=$2 id=$3 kernel=$4 tid=7 path= fields=; shift 4
	for f; do case $f in tid=*) tid=${f#*=} ;; path=*) path=" path=\"${f#*=}\"" ;; *) fields+=" $f" ;; esac; done
	case $fields in *source=*) ;; *) fields+=" source=1" ;; esac
	echo "load tid=$tid start=$(ns "$t") end=$(ns "$(awk "BEGIN{print $t+$d}")") corr=$id api=1011 handle=$id image=1 bytes=$((1000 + id))$fields$path
module tid=$tid time=$(ns "$(awk "BEGIN{print $t+$d/2}")") context=1 module=$id bytes=$((1000 + id)) hash=$((4096 + id)) image=1 kernels=1 call_api=1011 call_corr=$id
module_kernels tid=$tid hash=$((4096 + id)) first=0 names=\"$kernel\\0\""
}
strings=
work() { # MS DURATION CORR KERNEL [TID [GRID]]: a launch of 0.01 ms, and its kernel right after
	case " $strings " in *" $4 "*) ;; *) strings+=" $4"; echo "string id=$(echo $strings | wc -w) text=\"$4\"" ;; esac
	local n=0 s; for s in $strings; do n=$((n + 1)); [ "$s" = "$4" ] && break; done
	local t; t=$(awk "BEGIN{print $1+0.01}")
	echo "launch tid=${5:-7} start=$(ns "$1") end=$(ns "$t") corr=$3 api=1001
kernel start=$(ns "$t") end=$(ns "$(awk "BEGIN{print $t+$2}")") corr=$3 name=$n device=0 context=1 stream=7 grid_x=${6:-1} block_x=128"
}
finish() { echo "end tid=7 time=$(ns "$1") reason=0"; }
child() { # DIR PID ANCESTORS START END TOOL [HASH]
	printf 'S\t%s\t%s\t%s\t%s\t%s\t/opt/%s\t/\t%s\t-O3\n' "$2" "${3%%,*}" "$(ns "$4")" "$6" "$3" "$6" "$6"
	[ "$5" = - ] || printf 'E\t%s\t%s\t%s\t1000000\t0\t0\t0\t9000\t0\t/tmp/o.cubin\t100\t0x%016x\n' "$2" "$(ns "$4")" \
		"$(ns "$5")" "${7:-0}"
} >>"$1/node1.children"
# What matters of each episode, a line each.
episodes() {
	jitness timeline --json "$@" | python3 -c '
import json, sys
r = json.load(sys.stdin)
s0 = r["session"]["start_ns"]
for c in r["compiles"]:
    t = c["trigger"]; p = t["python"]
    print("%g..%g" % ((c["start_ns"] - s0) / 1e6, (c["end_ns"] - s0) / 1e6), c["origin"], c["how"], c["modules"],
          "stall", c["stall_ms"], "by", "%s:%d %s" % (p["file"], p["line"], p["function"]) if p else t["native"])
    cost = {k[:-3]: c[k] for k in c if k.endswith("_ms") and k not in ("wall_ms", "stall_ms") and c[k]}
    print("   ", cost, "children", len(c["children"]), "tuned", c["autotune"]["launches"], c["autotune"]["kernels"],
          "graphs", len(c["graphs"]), "-", c["how_why"] or c["stall_why"])'
}
INDUCTOR='/usr/lib/python3/dist-packages/torch/_inductor/codecache.py'
GRAPH_A=/tmp/torchinductor_u/ab/cab$(printf 'a%.0s' {1..49}).py
GRAPH_B=/tmp/torchinductor_u/ba/cba$(printf 'b%.0s' {1..49}).py
CUBIN=/tmp/torchinductor_u/triton/0/x/triton_poi_fused_add_0.cubin
