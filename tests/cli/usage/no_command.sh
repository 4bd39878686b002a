jitness
