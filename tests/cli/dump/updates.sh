# Of a real trace: the first calls that change a graph, as rows and as an operation. Times are from when the tracer was loaded.
t=$DATA/../../data/real/phases/redacted/jax_decode.jitness
jitness dump --kind process "$t" | cut -d' ' -f1
jitness dump --kind graph "$t" | grep ' op=\(node_\)\?update ' | head -n 1 | grep -o ' start=[^ ]* \|graph=[0-9]*\|corr=[0-9]*'
jitness dump --ops "$t" | grep ' update ' | head -n 1 | cut -d' ' -f3-6
