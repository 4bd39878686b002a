# Whatever this machine has: the exit status is what `works` says, and nothing goes to stderr.
jitness doctor --json >x; code=$?
jitness doctor >text; [ $? = $code ] && echo "same status"
python3 - $code <<'P'
import json, sys
d = json.load(open("x"))
checks = [c["check"] for c in d["checks"]]
print(d["schema"], d["works"] == (sys.argv[1] == "0"), d["works"] == all(c["state"] != "bad" for c in d["checks"]))
print([c for c in ("tracer", "driver", "cupti", "injection", "output") if c not in checks])
print([c for c in d["checks"] if c["state"] not in ("ok", "warn", "bad") or (c["state"] != "ok" and not c["advice"])])
print(len(open("text").read().splitlines()) == len(checks))
P
JITNESS_LIB=/nowhere jitness doctor | grep -o 'JITNESS_LIB=/nowhere cannot be read'
CUDA_INJECTION64_PATH=/other.so jitness doctor | grep -o '^warn  injection   CUDA_INJECTION64_PATH=/other.so is set'
JITNESS_LEVLE=1 jitness doctor | grep -o '^warn  environment JITNESS_LEVLE'
