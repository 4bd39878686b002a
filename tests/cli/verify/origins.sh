# Names of the user's rules in origin=; one that is also jitness's own means both.
v() { jitness verify d "$@"; echo "exit $?"; }
mkdir d
trace origins d/a.jnt
cat >o.json <<'END'
{"origins": [{"name": "my.lib-2", "kernel": "triton_poi"}, {"name": "inductor", "kernel": "nothing_is_called_so"}]}
END
jitness report d --origin-rules o.json | grep '^by origin'
v --expect 'modules(origin=my.lib-2)>=1' --origin-rules o.json
v --expect 'modules(origin=my.lib-2)>=1'
v --expect 'modules(origin=my.lib)>=1' --origin-rules o.json
v --expect 'modules(origin=user)>=1' --expect 'modules(origin=inductor)>=1' --origin-rules o.json
v --expect 'modules(origin=2)>=1' --origin-rules o.json
echo '{"expect": ["modules(origin=my.lib-2)>=1"]}' >p.json
v --policy p.json --origin-rules o.json
v --expect 'lost==0' --origin-rules absent.json
