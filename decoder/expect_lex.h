/*
 * expect_lex: the words of an expectation (docs/verify.md has the grammar). Tokens are borrowed from the
 * text. Columns count bytes from 1: all that comes before an error is ASCII, so they are characters, too.
 * No memory, no output, no state; any thread.
 */
#ifndef JITNESS_DECODER_EXPECT_LEX_H
#define JITNESS_DECODER_EXPECT_LEX_H

#include <stdbool.h>
#include <stddef.h>

#define EXPECT_TEXT_MAX 1024 /* bytes of one expectation */

enum expect_token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* letters, digits, '_', '-'; begins with a letter or '_' */
	TOKEN_NUMBER, /* digits, perhaps one '.' and digits; what follows at once is another token */
	TOKEN_LT, TOKEN_LE, TOKEN_GT, TOKEN_GE, TOKEN_EQ, TOKEN_NE, /* < <= > >= == != */
	TOKEN_IS,     /* = */
	TOKEN_NOT, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_OPEN_SQUARE, TOKEN_CLOSE_SQUARE,
	TOKEN_COMMA, TOKEN_COLON, TOKEN_BAR, TOKEN_STAR, TOKEN_PERCENT,
	TOKEN_BAD,    /* one character (all bytes of it) that belongs to no token */
};

struct expect_token {
	enum expect_token_kind kind;
	const char *at;
	size_t len;
	size_t column;
	double number; /* of a TOKEN_NUMBER */
	bool whole;    /* it has no '.' */
};

/* The token at *at, which is moved behind it; blanks before it are skipped. text: where columns begin. */
struct expect_token expect_lex(const char *text, const char **at);

bool expect_token_is(const struct expect_token *t, const char *word);

#endif
