# JUnit that an XML parser reads, whatever names and texts hold; and the same results as JSON.
mkdir 'd<&"'
python3 "$DATA/phases.py" | mktrace 'd<&"/a.jnt'
printf '{"expect": [{"expr": "kernels>1", "name": "a<b> & \\"c\\" \\u0001\\n d", "why": "]]>"}, "kernels==1", "p50(prefill)<1us", "prefill[shape=s99]:compiled"]}' >p.json
show() {
	python3 - <<'EOF'
import xml.etree.ElementTree as et
root = et.parse("out.xml").getroot()
suite = root[0]
print(root.tag, root.attrib, repr(suite.get("name")))
for c in suite:
    print(c.tag, repr(c.get("name")), [(x.tag, x.get("type"), bool(x.text.strip())) for x in c])
EOF
}
jitness verify 'd<&"' --policy p.json --junit out.xml >text; echo "exit $?"
show
jitness verify 'd<&"' --policy p.json --junit out.xml --strict >text; echo "exit $?"
show
jitness verify 'd<&"' --policy p.json --json >out.json; echo "exit $?"
python3 - <<'EOF'
import json
r = json.load(open("out.json"))
print(r["schema"], r["strict"], r["passed"], r["holds"], r["fails"], r["undecided"], sorted(r["session"]))
for x in r["expectations"]:
    print(x["expr"], x["name"], x["result"], len(x["passes"]), x["all_passes"], bool(x["text"]))
    for p in x["passes"]:
        assert r["session"]["start_ns"] <= p["start_ns"] <= r["session"]["end_ns"] and p["wall_ms"] > 0, p
EOF
