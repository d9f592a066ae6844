// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_box_keeper.c - what an owner accepts from a keeper: any hello, any results. An accepted
 * record can be printed, and is of a slot that ran something.
 *
 * Input: which slots are busy, length and bytes of the hello; then per packet a byte (odd: plain
 * bytes; even: a good record that is overwritten in part), a length or a place, a length, bytes.
 */
#define PADDOCK_BUILD_ID "fuzz"
#include "sandbox/client.c"

#include "sandbox/result.h"

enum { SLOTS = 4 };

struct input {
	const uint8_t *at, *end;
};

static size_t take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static size_t take_bytes(struct input *in, void *to, size_t size)
{
	if (size > (size_t)(in->end - in->at))
		size = (size_t)(in->end - in->at);
	memcpy(to, in->at, size);
	in->at += size;
	return size;
}

static void send_hello(int keeper, struct input *in)
{
	struct proto_hello hello = { .head = { .magic = PROTO_MAGIC, .kind = PROTO_HELLO },
				     .result_size = sizeof(struct box_result),
				     .build = PADDOCK_BUILD_ID };
	bool cut = take(in) & 1;
	size_t at = take(in) % sizeof(hello), size = take(in);

	size = take_bytes(in, (char *)&hello + at,
			  size < sizeof(hello) - at ? size : sizeof(hello) - at);
	send(keeper, &hello, cut ? at + size : sizeof(hello), MSG_DONTWAIT);
}

static void send_result(int keeper, struct input *in)
{
	struct proto_result packet = { .head = { .magic = PROTO_MAGIC, .kind = PROTO_RESULT } };
	size_t odd = take(in) & 1, low = take(in), at = (low | take(in) << 8) % sizeof(packet);
	size_t size = take(in), left = sizeof(packet) - at;

	packet.result.slot = (unsigned)(take(in) % SLOTS);
	size = take_bytes(in, (char *)&packet + at, size < left ? size : left);
	send(keeper, &packet, odd ? at + size : sizeof(packet), MSG_DONTWAIT);
}

/* All that anybody does with a record. */
static void print(const struct box_result *result)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	BOX_ASSERT(out);
	result_json(result, out);
	result_explain(result, out);
	BOX_ASSERT(fclose(out) == 0 && size > 0);
	(void)result_exit_code(result);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct box *box = calloc(1, sizeof(*box) + SLOTS * sizeof(box->busy[0]));
	struct proto_hello hello;
	struct box_result result;
	struct box_error err = { "" };
	size_t busy = take(&in);
	int pair[2], r;

	BOX_ASSERT(box && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	box->fd = pair[0];
	box->slots = SLOTS;
	for (size_t i = 0; i < SLOTS; i++)
		box->busy[i] = busy >> i & 1;
	send_hello(pair[1], &in);
	if (read_hello(pair[0], &hello) == 0 && check_hello(&hello, "paddock-box", &err) < 0)
		BOX_ASSERT(err.text[0] && strnlen(err.text, sizeof(err.text)) < sizeof(err.text));
	while (in.at < in.end) {
		bool was[SLOTS];

		memcpy(was, box->busy, sizeof(was));
		send_result(pair[1], &in);
		r = box_receive(box, &result);
		BOX_ASSERT(r == 1 || r == -EPIPE);
		if (r < 0)
			break;
		BOX_ASSERT(was[result.slot] && !box->busy[result.slot]);
		print(&result);
	}
	close(pair[1]);
	box_close(box);
	return 0;
}
