mkdir d
for c in report dump "export -o out"; do jitness $c d; echo "$c: exit $?"; done
