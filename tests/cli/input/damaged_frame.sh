trace frames d/a.jnt
python3 - d/a.jnt <<'P'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
second = data.index(b"JFR1", data.index(b"JFR1") + 1)
data[second + 60] ^= 0xff
open(sys.argv[1], "wb").write(data)
P
jitness report d | grep lost; echo "exit ${PIPESTATUS[0]}"
