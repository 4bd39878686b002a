# Rules by what ran: they agree with behaviour, or the disagreement is a finding; labels from behaviour stay.
mkdir d
python3 "$DATA/phases.py" | mktrace d/a.jnt
try() {
	echo "{\"phases\": [$1]}" >rules.json
	jitness phases d --phase-rules rules.json --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
print([(p["name"], p["passes"], [e for e in p["evidence"] if "marker" in e]) for p in j["phases"]])
print([f["evidence"][0] for f in j["findings"] if f["id"] == "marker_contradicts"])'
}
try '{"label": "prefill", "kernel": "^flash_att"}, {"label": "decode", "kernel": "splitkv", "stream": 7}'
try '{"label": "decode", "kernel": "flash_att|splitkv", "thread": 7}'
try '{"label": "decode", "stream": 8}, {"label": "prefill", "graph": "any"}, {"label": "mixed", "python": "decode"}'
# A real program whose steps are replays: what behaviour said stays, whatever a rule says.
real=$DATA/../../data/real/phases/redacted/graph_decode.jitness
try() {
	echo "{\"phases\": [$1]}" >rules.json
	jitness phases "$real" --phase-rules rules.json --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
steps = [p for p in j["phases"] if p["graph_launches"] and p["passes"] > 100]
print([(p["name"], [e for e in p["evidence"] if "marker" in e]) for p in steps],
      [f["id"] for f in j["findings"] if f["id"] == "marker_contradicts"])'
}
try '{"label": "decode", "graph": "any"}'
try '{"label": "prefill", "graph": "any"}'
try '{"label": "decode", "graph": 2}'
try '{"label": "prefill", "graph": 999}'
