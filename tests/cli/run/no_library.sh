JITNESS_LIB=/nowhere/libjitness.so jitness run -o d true; echo "exit $?"
mkdir "a b" && cp "$(dirname "$(command -v jitness)")/libjitness.so" "a b/"
JITNESS_LIB="a b/libjitness.so" jitness run -o d true 2>&1 | sed "s#$PWD#.#"; echo "exit ${PIPESTATUS[0]}"
ls
