/* The subcommands; main.c picks from this table and cmd_help.c shows it. */
#include "decoder/cmd.h"

const struct command commands[] = {
	{ "run", cmd_run, "run a command and record what it compiles, loads and launches" },
	{ "report", cmd_report, "what ran, what was loaded and compiled, what was lost" },
	{ "timeline", cmd_timeline, "when code was compiled, loaded or recorded, and what that cost" },
	{ "phases", cmd_phases, "forward passes: prefill and decode, their latency, why some are slow" },
	{ "diff", cmd_diff, "two sessions, phase by phase: what got faster or slower, and what changed" },
	{ "verify", cmd_verify, "whether a session was what it was expected to be; for CI" },
	{ "dump", cmd_dump, "every record, one line each" },
	{ "export", cmd_export, "write a session again: repaired, or redacted for sharing" },
	{ "doctor", cmd_doctor, "what would work here, and what to do about the rest" },
	{ "help", cmd_help, "this text" },
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);
