#include "cupti/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cupti/maps.h"
#include "trace/hash.h"
#include "trace/wire.h"

#define FATBIN_WRAPPER_MAGIC 0x466243b1u /* {magic, version, data*, filename*} */
#define FATBIN_MAGIC         0xba55ed50u /* {magic, u16 version, u16 header, u64 bytes} */
#define NVVM_MAGIC           0x7f4e43edu
#define BITCODE_MAGIC        0xdec04342u
#define EM_CUDA_             190
#define STO_CUDA_ENTRY       0x10
#define PAGE                 4096u
#define SECTIONS_AT_ONCE     32

/* The caller's own memory through the kernel: a bad pointer is an error, not a signal. */
size_t image_peek(void *dst, const void *src, size_t n)
{
	static _Atomic bool denied; /* seccomp, or no such call: then trust the pointer */
	uintptr_t at = (uintptr_t)src;
	/* The kernel does not split an element: one up to the page's end, one behind it. */
	size_t first = PAGE - (at & (PAGE - 1));
	struct iovec local = { dst, n };
	struct iovec remote[2];
	int saved_errno = errno;
	ssize_t got;

	if (!src || at < PAGE || !n)
		return 0;
	if (first > n)
		first = n;
	if (!atomic_load_explicit(&denied, memory_order_relaxed)) {
		remote[0] = (struct iovec){ (void *)at, first };
		remote[1] = (struct iovec){ (void *)(at + first), n - first };
		got = process_vm_readv(getpid(), &local, 1, remote, n > first ? 2 : 1, 0);
		if (got < 0 && (errno == EPERM || errno == ENOSYS || errno == ESRCH)) {
			atomic_store_explicit(&denied, true, memory_order_relaxed);
		} else {
			errno = saved_errno;
			return got < 0 ? 0 : (size_t)got;
		}
		errno = saved_errno;
	}
	/* Never across a page: a short PTX string may end where memory ends. */
	memcpy(dst, src, first);
	return first;
}

size_t image_peek_string(char *dst, const char *src, size_t n)
{
	size_t len = 0, got, want;
	const char *end;

	while (len + 1 < n) {
		want = n - 1 - len < 256 ? n - 1 - len : 256;
		got = image_peek(dst + len, src + len, want);
		end = memchr(dst + len, 0, got);
		if (end)
			return (size_t)(end - dst);
		len += got;
		if (!got)
			break;
	}
	if (n)
		dst[len] = 0;
	return len;
}

static bool text_like(uint8_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f);
}

/*
 * PTX is text: a directive (".version"), after white space and comments of any
 * length. Within the head we may see nothing but a comment: that counts.
 */
static bool looks_like_ptx(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r') {
			i++;
		} else if (p[i] == '/' && (i + 1 == n || p[i + 1] == '/' || p[i + 1] == '*')) {
			for (; i < n && p[i]; i++)
				if (!text_like(p[i]) && p[i] < 0x80)
					return false;
			return true;
		} else {
			break;
		}
	}
	/* Enough of the word to be sure, or as much of it as the input has. */
	if (i == n || p[i] != '.')
		return false;
	return !memcmp(p + i, ".version", n - i < 8 ? n - i : 8) ||
	       (n - i >= 7 && !memcmp(p + i, ".target", 7));
}

enum image_kind image_classify(const uint8_t *head, size_t n)
{
	if (n >= 4) {
		switch (get_le32(head)) {
		case FATBIN_WRAPPER_MAGIC:
		case FATBIN_MAGIC:
			return IMAGE_FATBIN;
		case NVVM_MAGIC:
		case BITCODE_MAGIC:
			return IMAGE_LTOIR;
		default:
			break;
		}
		if (!memcmp(head, ELFMAG, SELFMAG)) {
			/* Host objects can be given to the linker; e_machine tells them apart. */
			if (n < 20)
				return IMAGE_CUBIN;
			switch (get_le16(head + 18)) {
			case EM_X86_64:
			case EM_AARCH64:
			case EM_PPC64:
				return IMAGE_OTHER;
			default:
				return IMAGE_CUBIN;
			}
		}
	}
	if (!n)
		return IMAGE_UNKNOWN;
	return looks_like_ptx(head, n) ? IMAGE_PTX : IMAGE_OTHER;
}

static bool is_readable(const struct image *img, uint64_t at, uint64_t n)
{
	return at >= img->readable && at < img->readable_end && n <= img->readable_end - at;
}

static size_t look(const struct image *img, void *dst, uintptr_t at, size_t n)
{
	if (!is_readable(img, at, n))
		return image_peek(dst, (const void *)at, n);
	memcpy(dst, (const void *)at, n);
	return n;
}

static uint64_t later(uint64_t a, uint64_t offset, uint64_t bytes)
{
	uint64_t end = offset + bytes;

	/* An image of more than 4 GiB is a damaged header. */
	return end < offset || end > UINT32_MAX || end < a ? a : end;
}

static uint64_t section_end(const uint8_t *p, uint64_t end)
{
	const uint32_t type = get_le32(p + offsetof(Elf64_Shdr, sh_type));

	if (type == SHT_NOBITS || type == SHT_NULL)
		return end;
	return later(end, get_le64(p + offsetof(Elf64_Shdr, sh_offset)),
		     get_le64(p + offsetof(Elf64_Shdr, sh_size)));
}

/* A function of its own for its buffer. */
static __attribute__((noinline)) uint64_t sections_end_peeked(uintptr_t table, uint64_t count, uint64_t end)
{
	uint8_t sh[SECTIONS_AT_ONCE * sizeof(Elf64_Shdr)];

	for (uint64_t i = 0; i < count; i++) {
		const size_t at = i % SECTIONS_AT_ONCE * sizeof(Elf64_Shdr);
		const size_t left = (size_t)(count - i) * sizeof(Elf64_Shdr);
		const size_t want = left < sizeof(sh) ? left : sizeof(sh);

		if (!at && image_peek(sh, (const void *)(table + i * sizeof(Elf64_Shdr)), want) < want)
			return 0;
		end = section_end(sh + at, end);
	}
	return end;
}

/* Size of an ELF of which only the address is known: the furthest end of anything in it. */
static uint64_t elf_bytes(const struct image *img, const uint8_t *head, size_t n)
{
	Elf64_Ehdr eh;
	Elf64_Shdr first;
	uint64_t end, count;
	uintptr_t table; /* an integer: the offset in it may be nonsense */

	if (n < sizeof(eh) || head[EI_CLASS] != ELFCLASS64)
		return 0;
	memcpy(&eh, head, sizeof(eh));
	end = later(sizeof(eh), eh.e_phoff, (uint64_t)eh.e_phnum * eh.e_phentsize);
	if (!eh.e_shoff || eh.e_shoff > UINT32_MAX || eh.e_shentsize != sizeof(first))
		return 0;
	table = img->address + eh.e_shoff;
	count = eh.e_shnum;
	if (!count) { /* more than 65,279 sections: section 0 has the number */
		if (look(img, &first, table, sizeof(first)) < sizeof(first))
			return 0;
		count = first.sh_size;
	}
	if (count > UINT32_MAX / sizeof(first))
		return 0;
	end = later(end, eh.e_shoff, count * sizeof(first));
	if (!is_readable(img, table, count * sizeof(first)))
		return sections_end_peeked(table, count, end);
	for (uint64_t i = 0; i < count; i++)
		end = section_end((const uint8_t *)(table + i * sizeof(first)), end);
	return end;
}

/* Images on a stack belong to our callers, whose frames lie above ours. */
#define STACK_REACH (256u << 10)

static bool on_stack(uintptr_t addr)
{
	uint8_t here;

	return addr > (uintptr_t)&here && addr - (uintptr_t)&here < STACK_REACH;
}

/* Of an image whose first bytes could be read. */
static void image_locate(struct image *img, bool taken, char *path, size_t path_size)
{
	struct maps_entry e;
	uintptr_t addr = (uintptr_t)img->address;

	if (is_readable(img, addr, 1)) { /* the heap */
		img->source = on_stack(addr) ? SOURCE_STACK : SOURCE_MEMORY;
		return;
	}
	if (maps_find(addr, &e, path, path_size))
		return;
	if (path[0] == '/' && strncmp(path, "/dev/zero", 9)) { /* shared anonymous memory */
		img->source = SOURCE_MAPPED;
		img->offset = e.offset + (addr - e.start);
		return;
	}
	if (taken) { /* not so for a file: it may have become shorter than its mapping */
		img->readable = e.start;
		img->readable_end = e.end;
	}
	/* Only the main thread's stack has a name. */
	img->source = !strncmp(path, "[stack", 6) || on_stack(addr) ? SOURCE_STACK : SOURCE_MEMORY;
	path[0] = 0;
}

void image_inspect(struct image *ret, const void *image, bool taken, char *path, size_t path_size)
{
	struct image img = { .kind = IMAGE_UNKNOWN, .address = (uintptr_t)image };
	uint8_t head[IMAGE_HEAD_BYTES];
	struct maps_entry heap;
	size_t n;

	path[0] = 0;
	if (taken && maps_heap((uintptr_t)image, &heap)) {
		img.readable = heap.start;
		img.readable_end = heap.end;
	}
	n = look(&img, head, (uintptr_t)image, sizeof(head));
	img.kind = image_classify(head, n);
	if (img.kind == IMAGE_FATBIN && n >= 16 && get_le32(head) == FATBIN_WRAPPER_MAGIC) {
		/* The wrapper is a few bytes anywhere; the code is what it points to. */
		img.address = get_le64(head + 8);
		n = look(&img, head, (uintptr_t)img.address, sizeof(head));
	}
	if (n)
		image_locate(&img, taken, path, path_size);
	if (img.kind == IMAGE_FATBIN && n >= 16 && get_le32(head) == FATBIN_MAGIC)
		img.bytes = later(0, get_le16(head + 6), get_le64(head + 8));
	else if (img.kind == IMAGE_CUBIN)
		img.bytes = elf_bytes(&img, head, n);
	*ret = img;
}

bool image_is_copied(const void *image, const void *copy, size_t bytes)
{
	const struct image c = { .address = (uintptr_t)copy, .readable = (uintptr_t)copy,
				 .readable_end = (uintptr_t)copy + bytes };
	struct maps_entry heap;
	Elf64_Ehdr eh;
	uint64_t table;

	if (bytes < sizeof(eh) || bytes > IMAGE_HASH_MAX || !maps_heap((uintptr_t)image, &heap) ||
	    bytes > heap.end - (uintptr_t)image || on_stack((uintptr_t)image))
		return false;
	memcpy(&eh, copy, sizeof(eh));
	/* No step reads what the ones before have not shown to be the image's. */
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || memcmp(image, &eh, sizeof(eh)) ||
	    elf_bytes(&c, copy, sizeof(eh)) != bytes)
		return false;
	table = (uint64_t)eh.e_shnum * sizeof(Elf64_Shdr);
	return table && !memcmp((const uint8_t *)image + eh.e_shoff, (const uint8_t *)copy + eh.e_shoff, table) &&
	       !memcmp(image, copy, bytes);
}

void image_copied(struct image *ret, const void *image, size_t bytes, uint64_t hash)
{
	*ret = (struct image){ .kind = IMAGE_CUBIN, .source = SOURCE_MEMORY, .address = (uintptr_t)image,
			       .bytes = bytes, .hash = hash };
}

/* Up to the NUL, or all of max. *ret_bytes is what was hashed; false: memory ended first. */
static bool hash_memory(struct hash64_stream *h, uint64_t at, uint64_t max, bool is_text,
			uint64_t *ret_bytes)
{
	uint8_t block[PAGE];
	const uint8_t *end;
	uint64_t done = 0;
	size_t want, got;

	while (done < max) {
		/* To the page's end: a read never ends inside a page that could be read. */
		want = PAGE - ((at + done) & (PAGE - 1));
		if (want > max - done)
			want = (size_t)(max - done);
		got = image_peek(block, (const void *)(uintptr_t)(at + done), want);
		end = is_text ? memchr(block, 0, got) : NULL;
		hash64_update(h, block, end ? (size_t)(end - block) : got);
		done += end ? (size_t)(end - block) : got;
		*ret_bytes = done;
		if (end)
			return true;
		if (got < want)
			return false;
	}
	return true;
}

/* The same of memory that is known to be readable, in one piece; false: not all of it is. */
static bool hash_readable(struct image *img, uint64_t max, bool is_text)
{
	uint64_t left = is_readable(img, img->address, 1) ? img->readable_end - img->address : 0;
	uint64_t bytes = max < left ? max : left;
	const uint8_t *p = (const uint8_t *)(uintptr_t)img->address;
	const uint8_t *end = is_text && bytes ? memchr(p, 0, bytes) : NULL;

	if (end)
		bytes = (uint64_t)(end - p);
	else if (bytes < max)
		return false;
	if (bytes > IMAGE_HASH_MAX)
		return true;
	img->hash = hash64(p, bytes);
	if (is_text)
		img->bytes = bytes;
	return true;
}

void image_hash(struct image *img, uint64_t given)
{
	bool is_text = img->kind == IMAGE_PTX;
	uint64_t max = img->bytes ? img->bytes : given, bytes = 0;
	struct hash64_stream h;

	/* A fatbin holds code for many GPUs, of which the driver takes a part. */
	if (!img->address || img->kind == IMAGE_FATBIN || img->kind == IMAGE_UNKNOWN)
		return;
	if (is_text) /* one byte more, to see the NUL of the longest */
		max = given && given <= IMAGE_HASH_MAX ? given : IMAGE_HASH_MAX + 1;
	else if (!max || max > IMAGE_HASH_MAX)
		return;
	if (hash_readable(img, max, is_text))
		return;
	hash64_init(&h);
	if (!hash_memory(&h, img->address, max, is_text, &bytes) || bytes > IMAGE_HASH_MAX)
		return;
	img->hash = hash64_digest(&h);
	if (is_text)
		img->bytes = bytes;
}

static uint64_t hash_file(int fd, uint64_t bytes)
{
	uint8_t block[PAGE];
	struct hash64_stream h;
	uint64_t done = 0;
	ssize_t n;

	hash64_init(&h);
	for (; done < bytes; done += (uint64_t)n) {
		n = pread(fd, block, sizeof(block), (off_t)done);
		if (n <= 0)
			return 0; /* became shorter */
		hash64_update(&h, block, (size_t)n);
	}
	return done == bytes ? hash64_digest(&h) : 0;
}

void image_inspect_file(struct image *ret, const char *path)
{
	struct image img = { .kind = IMAGE_UNKNOWN, .source = SOURCE_PATH };
	uint8_t head[IMAGE_HEAD_BYTES];
	int saved_errno = errno;
	struct stat st;
	ssize_t n;
	/* O_NONBLOCK: a FIFO must not hold the host up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0) {
		if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
			img.bytes = (uint64_t)st.st_size;
			n = pread(fd, head, sizeof(head), 0);
			if (n > 0)
				img.kind = image_classify(head, (size_t)n);
			if (n > 0 && img.kind != IMAGE_FATBIN && img.bytes <= IMAGE_HASH_MAX)
				img.hash = hash_file(fd, img.bytes);
		}
		close(fd);
	}
	errno = saved_errno;
	*ret = img;
}

/* Is [offset, offset + bytes) inside size? Never overflows. */
static bool within(uint64_t offset, uint64_t bytes, size_t size)
{
	return offset <= size && bytes <= size - offset;
}

static bool section_at(const uint8_t *data, size_t size, const Elf64_Ehdr *eh, uint64_t count,
		       uint64_t index, Elf64_Shdr *ret)
{
	if (index >= count)
		return false;
	/* count was checked against the size: the product cannot overflow. */
	memcpy(ret, data + eh->e_shoff + index * sizeof(*ret), sizeof(*ret));
	return ret->sh_type == SHT_NOBITS || within(ret->sh_offset, ret->sh_size, size);
}

/* Entries of one symbol table; false when fn ended the walk. */
static bool symbols_walk(const uint8_t *data, const Elf64_Shdr *tab, const Elf64_Shdr *str,
			 image_kernel_fn fn, void *arg, uint32_t *count)
{
	Elf64_Sym sym;
	const char *name;
	size_t room;

	for (uint64_t i = 0; i < tab->sh_size / sizeof(sym); i++) {
		memcpy(&sym, data + tab->sh_offset + i * sizeof(sym), sizeof(sym));
		if (ELF64_ST_TYPE(sym.st_info) != STT_FUNC || !(sym.st_other & STO_CUDA_ENTRY))
			continue;
		if (sym.st_name >= str->sh_size)
			continue;
		name = (const char *)data + str->sh_offset + sym.st_name;
		room = (size_t)(str->sh_size - sym.st_name);
		++*count;
		if (fn && !fn(arg, name, strnlen(name, room)))
			return false;
	}
	return true;
}

uint32_t image_kernels(const void *data, size_t size, image_kernel_fn fn, void *arg)
{
	const uint8_t *p = data, *section;
	Elf64_Ehdr eh;
	Elf64_Shdr tab, str;
	uint64_t count;
	uint32_t kernels = 0;

	if (!p || size < sizeof(eh) || memcmp(p, ELFMAG, SELFMAG) ||
	    p[EI_CLASS] != ELFCLASS64 || p[EI_DATA] != ELFDATA2LSB)
		return 0;
	memcpy(&eh, p, sizeof(eh));
	if (!eh.e_shoff || eh.e_shentsize != sizeof(Elf64_Shdr) ||
	    !within(eh.e_shoff, sizeof(Elf64_Shdr), size))
		return 0;
	count = eh.e_shnum;
	if (!count) {
		memcpy(&tab, p + eh.e_shoff, sizeof(tab));
		count = tab.sh_size;
	}
	if (count > (size - eh.e_shoff) / sizeof(Elf64_Shdr))
		return 0;
	section = p + eh.e_shoff;
	for (uint64_t i = 0; i < count; i++, section += sizeof(tab)) {
		if (get_le32(section + offsetof(Elf64_Shdr, sh_type)) != SHT_SYMTAB ||
		    !section_at(p, size, &eh, count, i, &tab))
			continue;
		if (!section_at(p, size, &eh, count, tab.sh_link, &str) ||
		    str.sh_type != SHT_STRTAB)
			continue;
		if (!symbols_walk(p, &tab, &str, fn, arg, &kernels))
			break;
	}
	return kernels;
}
