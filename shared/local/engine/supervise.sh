# Runs the command given as arguments for as long as somebody holds the other end of
# our stdin, and not longer: when the process that started us ends, however it ends,
# its end of the pipe closes and the command is stopped. $RUN_DIR is ours to remove.
exec 4<&0
"$@" </dev/null 4<&- &
child=$!
echo "$child" >"$RUN_DIR/pid"
(
	read -r _ <&4
	kill -TERM "$child"
	left=50
	while kill -0 "$child" && [ "$left" -gt 0 ]; do
		sleep 0.1
		left=$((left - 1))
	done
	kill -KILL "$child"
	rm -rf "$RUN_DIR"
) </dev/null >/dev/null 2>&1 &
watch=$!
exec 4<&-
wait "$child"
status=$?
kill "$watch" 2>/dev/null
rm -rf "$RUN_DIR"
exit "$status"
