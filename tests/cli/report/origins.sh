trace origins d/a.jnt
jitness report d | sed -n '/^Modules/,$p'
jitness report --json d >r.json
python3 - <<'P'
import json
r = json.load(open("r.json"))
for m in r["modules"]:
    print(m["module"], m["origin"], m["origin_by"], m["origin_rule"], m["evidence"])
    print("  ", m["native_stack"], [f"{f['file']}:{f['line']} {f['function']}" for f in m["python_stack"]])
for k in r["kernels"]:
    print(k["name"], k["origin"], k["origin_by"], k["origin_mixed"])
P
