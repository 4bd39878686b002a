#include "decoder/expect_lex.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/utf8.h"

#define NUMBER_MAX 40 /* characters; more digits than a double has, twice */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t word_len(const char *p)
{
	size_t n = 0;

	while (is_letter(p[n]) || is_digit(p[n]) || p[n] == '-')
		n++;
	return n;
}

/* strtod() takes signs, exponents, hexadecimal and "inf" as well; none of them belongs here. */
static void number(struct expect_token *t)
{
	char text[NUMBER_MAX + 1];
	size_t n = 0, copy;

	while (is_digit(t->at[n]))
		n++;
	t->whole = t->at[n] != '.' || !is_digit(t->at[n + 1]);
	if (!t->whole)
		for (n++; is_digit(t->at[n]);)
			n++;
	t->len = n;
	if (n > NUMBER_MAX) {
		t->kind = TOKEN_BAD;
		return;
	}
	copy = n;
	memcpy(text, t->at, copy);
	text[copy] = 0;
	t->kind = TOKEN_NUMBER;
	t->number = strtod(text, NULL);
}

static enum expect_token_kind punctuation(const char *p, size_t *ret_len)
{
	static const struct {
		char text[3];
		unsigned char kind;
	} list[] = {
		/* the longer ones first */
		{ "<=", TOKEN_LE }, { ">=", TOKEN_GE }, { "==", TOKEN_EQ }, { "!=", TOKEN_NE },
		{ "<", TOKEN_LT }, { ">", TOKEN_GT }, { "=", TOKEN_IS }, { "!", TOKEN_NOT },
		{ "(", TOKEN_OPEN }, { ")", TOKEN_CLOSE }, { "[", TOKEN_OPEN_SQUARE },
		{ "]", TOKEN_CLOSE_SQUARE }, { ",", TOKEN_COMMA }, { ":", TOKEN_COLON },
		{ "|", TOKEN_BAR }, { "*", TOKEN_STAR }, { "%", TOKEN_PERCENT },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		*ret_len = strlen(list[i].text);
		if (!strncmp(p, list[i].text, *ret_len))
			return list[i].kind;
	}
	return TOKEN_BAD;
}

struct expect_token expect_lex(const char *text, const char **at)
{
	struct expect_token t = { .kind = TOKEN_END };
	bool valid;

	t.at = *at + strspn(*at, " \t\r\n");
	t.column = (size_t)(t.at - text) + 1;
	if (is_letter(*t.at)) {
		t.kind = TOKEN_WORD;
		t.len = word_len(t.at);
	} else if (is_digit(*t.at)) {
		number(&t);
	} else if (*t.at) {
		t.kind = punctuation(t.at, &t.len);
		if (t.kind == TOKEN_BAD)
			t.len = utf8_next((const uint8_t *)t.at, strlen(t.at), &valid);
	}
	*at = t.at + t.len;
	return t;
}

bool expect_token_is(const struct expect_token *t, const char *word)
{
	return t->kind == TOKEN_WORD && strlen(word) == t->len && !memcmp(t->at, word, t->len);
}
