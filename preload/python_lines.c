#include "preload/python_lines.h"

#include "preload/python_peek.h"

static int64_t lnotab(struct peek_stream *table, int64_t line, int64_t instr)
{
	int64_t at = 0;
	int step, change;

	while ((step = peek_next(table)) >= 0 && (change = peek_next(table)) >= 0) {
		at += step;
		if (at > instr)
			break;
		line += (int8_t)change;
	}
	return line;
}

static int64_t pairs(struct peek_stream *table, int64_t line, int64_t instr)
{
	int64_t end = 0;
	int step, change;

	while ((step = peek_next(table)) >= 0 && (change = peek_next(table)) >= 0) {
		end += step;
		if (change != 0x80)
			line += (int8_t)change;
		if (end > instr)
			return change == 0x80 ? 0 : line;
	}
	return 0;
}

/* Six bits a byte, low ones first, 0x40: more follow. */
static uint64_t read_varint(struct peek_stream *table)
{
	uint64_t value = 0;
	int byte;

	for (unsigned shift = 0; shift < 60; shift += 6) {
		byte = peek_next(table);
		if (byte < 0)
			break;
		value |= (uint64_t)(byte & 0x3f) << shift;
		if (!(byte & 0x40))
			break;
	}
	return value;
}

static int64_t read_signed(struct peek_stream *table)
{
	uint64_t value = read_varint(table);

	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

static int64_t locations(struct peek_stream *table, int64_t line, int64_t instr)
{
	/* Bytes that surely follow the first of an entry, by its form: columns. */
	static const uint8_t columns[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2 };
	int64_t end = 0, change;
	int byte = peek_next(table), form;

	while (byte >= 0) {
		if (!(byte & 0x80)) { /* the rest of an entry: columns */
			byte = peek_next(table);
			continue;
		}
		form = byte >> 3 & 15;
		end += ((byte & 7) + 1) * 2;
		/* 0-9: the same line; 10-12: up to two further; 13, 14: a number; 15: no line. */
		change = form >= 13 && form <= 14 ? read_signed(table) :
			 form >= 10 && form <= 12 ? form - 10 : 0;
		if (line + change < -(1ll << 40) || line + change > 1ll << 40)
			return 0; /* not a line table */
		line += change;
		if (end > instr)
			return form == 15 ? 0 : line;
		if (table->end - table->p > columns[form])
			table->p += columns[form];
		byte = peek_next(table);
	}
	return 0;
}

uint32_t python_line(enum line_format format, struct peek_stream *table, int64_t first,
		     int64_t instr)
{
	int64_t line = first;

	if (instr >= 0)
		line = format == LINES_LNOTAB ? lnotab(table, first, instr) :
		       format == LINES_PAIRS  ? pairs(table, first, instr) :
						locations(table, first, instr);
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}
