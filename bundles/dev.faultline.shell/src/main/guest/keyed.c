// SPDX-License-Identifier: Apache-2.0
// The embedded guest: fills most of its RAM with keyed, checksummed records, then answers requests
// from the serial port. docs/howto/embedded-guest.md describes options, requests and answers.
#include "guest.h"
#include "float.h"

#define GOLDEN 0x9e3779b97f4a7c15UL
#define CHECK_PRIME 0x00000100000001b3UL

#define PAYLOAD_WORDS 29
#define RANDOM_WORDS 4 // the rest of a payload repeats one word
#define LENGTH_LOW 64  // bytes; always a multiple of 16
#define LENGTH_HIGH 176
#define SLOTS_PER_PAGE 2

#define LINE_SIZE 128
#define DOTS 32

struct record {
    u64 key;
    u32 length;  // bytes of payload that count
    u32 version; // how often it was put
    u64 checksum;
    u64 payload[PAYLOAD_WORDS]; // [0] is the value that get, put and sum speak of
};

static struct {
    u64 fill; // percent of the free pages
    u64 keys; // 0 = as many as fit
    u64 seed;
    u64 hertz; // of the timer; 0 = none
    int quiet;
} options = {.fill = 60, .seed = 1, .hertz = 100};

static u64 pages;      // that hold data, counted over all regions in order
static u64 slots;      // SLOTS_PER_PAGE each; far below 2^32, products of two fit
static u64 keys;       // records are 0 .. keys - 1
static u64 stride;     // record k lies in slot (k * stride + shift) % slots
static u64 shift;
static u64 requests;   // lines answered

// ---- where a record lies ----

static u64 gcd(u64 a, u64 b) {
    while (b) {
        u64 rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/** The number that multiplied by a gives 1 modulo n; a and n have no common divisor. */
static u64 inverse(u64 a, u64 n) {
    long t = 0;
    long next_t = 1;
    long r = (long)n;
    long next_r = (long)a;
    while (next_r) {
        long q = r / next_r;
        long swap = t - q * next_t;
        t = next_t;
        next_t = swap;
        swap = r - q * next_r;
        r = next_r;
        next_r = swap;
    }
    return (u64)(t < 0 ? t + (long)n : t) % n;
}

/** A stride near the golden section of all slots: consecutive keys lie far apart. */
static void choose_places(void) {
    stride = (slots * 2654435769UL) >> 32 | 1;
    while (gcd(stride, slots) != 1) {
        stride += 2;
    }
    stride %= slots;
    shift = options.seed % slots;
}

static u8 *page_address(u64 page) {
    for (u32 i = 0;; i++) {
        if (page < regions[i].pages) {
            return (u8 *)(regions[i].start + page * PAGE_SIZE);
        }
        page -= regions[i].pages;
    }
}

/** Records start at different offsets on different pages, always within the page. */
static u64 offset_of(u64 slot) {
    return (slot % SLOTS_PER_PAGE) * 2048 + (slot / SLOTS_PER_PAGE * 5 & 15) * 64;
}

static struct record *find(u64 key) {
    u64 slot = (key * stride % slots + shift) % slots;
    return (struct record *)(page_address(slot / SLOTS_PER_PAGE) + offset_of(slot));
}

// ---- what a record holds ----

static u64 mix(u64 x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9UL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebUL;
    return x ^ x >> 31;
}

static u64 checksum_of(const struct record *record) {
    u64 sum = (record->key ^ GOLDEN) * CHECK_PRIME;
    sum = (sum ^ ((u64)record->version << 32 | record->length)) * CHECK_PRIME;
    const u64 *word = record->payload;
    const u64 *end = word + record->length / 8;
    while (word < end) {
        sum = (sum ^ word[0]) * CHECK_PRIME;
        sum = (sum ^ word[1]) * CHECK_PRIME;
        word += 2;
    }
    return sum ^ sum >> 32;
}

static u64 write_record(struct record *record, u64 key) {
    u64 x = mix(options.seed + key * GOLDEN);
    u64 words = LENGTH_LOW / 8 + (x >> 61) * 2;
    record->key = key;
    record->length = (u32)words * 8;
    record->version = 0;
    for (u32 i = 0; i < RANDOM_WORDS; i++) {
        x = x * 6364136223846793005UL + 1442695040888963407UL;
        record->payload[i] = x ^ x >> 29;
    }
    fill_words(record->payload + RANDOM_WORDS, x, words - RANDOM_WORDS);
    record->checksum = checksum_of(record);
    return record->checksum;
}

/** 1 when the record of the key is whole; else says BAD and returns 0. */
static int verify(u64 key, const struct record *record) {
    u64 computed = 0;
    u32 length = record->length;
    if (record->key == key && length >= LENGTH_LOW && length <= LENGTH_HIGH && !(length & 15)) {
        computed = checksum_of(record);
        if (computed == record->checksum) {
            return 1;
        }
    }
    print("BAD ");
    print_dec(key);
    print(" gpa=0x");
    print_hex((u64)record, 16);
    print(" key=");
    print_dec(record->key);
    print(" length=");
    print_dec(length);
    print(" stored=0x");
    print_hex(record->checksum, 16);
    print(" computed=0x");
    print_hex(computed, 16);
    print_char('\n');
    return 0;
}

/** Writes every page in order, each record into its slot; returns the sum of the checksums. */
static u64 fill(void) {
    u64 total = 0;
    u64 key_step = inverse(stride, slots); // from the key of one slot to that of the next
    u64 key = (slots - shift) * key_step % slots;
    u64 dot = (pages + DOTS - 1) / DOTS;
    for (u64 page = 0; page < pages; page++) {
        u8 *at = page_address(page);
        fill_words(at, (options.seed + page + 1) * GOLDEN, PAGE_SIZE / 8);
        for (u64 slot = page * SLOTS_PER_PAGE; slot < (page + 1) * SLOTS_PER_PAGE; slot++) {
            if (key < keys) {
                total += write_record((struct record *)(at + offset_of(slot)), key);
            }
            key += key_step;
            if (key >= slots) {
                key -= slots;
            }
        }
        if (!options.quiet && (page + 1) % dot == 0) {
            print_char('.');
        }
    }
    if (!options.quiet) {
        print_char('\n');
    }
    return total;
}

// ---- requests ----

static int bad_request(const char *why, const char *word) {
    print("? ");
    print(why);
    if (word) {
        print(" '");
        print(word);
        print_char('\'');
    }
    print_char('\n');
    return 0;
}

/** Takes the next word of the line as a number below limit (0 = any); says so when it is not. */
static int number(char **line, u64 limit, u64 *value) {
    char *word = next_word(line);
    if (!word) {
        return bad_request("number missing", 0);
    }
    if (!parse_number(word, value)) {
        return bad_request("not a number", word);
    }
    if (limit && *value >= limit) {
        return bad_request("number too large", word);
    }
    return 1;
}

static void get(char *line) {
    u64 key;
    if (!number(&line, keys, &key)) {
        return;
    }
    const struct record *record = find(key);
    if (!verify(key, record)) {
        return;
    }
    print_dec(key);
    print_char(' ');
    print_dec(record->length);
    print(" ok ");
    const u8 *bytes = (const u8 *)record->payload;
    for (u32 i = 0; i < 16; i++) {
        print_hex(bytes[i], 2);
    }
    print_char('\n');
}

static void put(char *line) {
    u64 key;
    u64 value;
    if (!number(&line, keys, &key) || !number(&line, 0, &value)) {
        return;
    }
    struct record *record = find(key);
    if (!verify(key, record)) {
        return;
    }
    record->payload[0] = value;
    record->version++;
    record->checksum = checksum_of(record);
    print("put ");
    print_dec(key);
    print_field("version", record->version);
    print(" checksum=");
    print_hex(record->checksum, 16);
    print_char('\n');
}

static void sum(char *line) {
    u64 from;
    u64 to;
    if (!number(&line, keys, &from) || !number(&line, keys, &to)) {
        return;
    }
    u64 total = 0;
    u64 count = 0;
    u64 bad = 0;
    for (u64 key = from; key <= to; key++) {
        const struct record *record = find(key);
        if (verify(key, record)) {
            total += record->payload[0];
            count++;
        } else {
            bad++;
        }
    }
    print("sum ");
    print_dec(from);
    print_char(' ');
    print_dec(to);
    print_field("count", count);
    print_field("bad", bad);
    print(" total=");
    print_hex(total, 16);
    print_char('\n');
}

static void scan(char *line) {
    u64 count;
    u64 seed;
    if (!number(&line, 0, &count) || !number(&line, 0, &seed)) {
        return;
    }
    u64 hash = 0;
    u64 bad = 0;
    for (u64 i = 0; i < count; i++) {
        u64 key = mix(seed + (i + 1) * GOLDEN) % keys;
        const struct record *record = find(key);
        if (verify(key, record)) {
            hash = (hash << 5 | hash >> 59) ^ record->checksum;
        } else {
            bad++;
        }
    }
    print("scan ");
    print_dec(count);
    print_char(' ');
    print_dec(seed);
    print_field("bad", bad);
    print(" hash=");
    print_hex(hash, 16);
    print_char('\n');
}

static void stat(void) {
    print("stat");
    print_field("ticks", volatile_page.ticks);
    print_field("serial", volatile_page.irqs[4]);
    print_field("requests", requests);
    print_char('\n');
}

static void floating(char *line) {
    u64 n;
    struct harmonic result;
    if (!number(&line, 1UL << 32, &n)) {
        return;
    }
    harmonic_sum(n, &result);
    print("float ");
    print_dec(n);
    print(" sse2=");
    print_hex(result.sse2, 16);
    print(" x87=");
    print_hex(result.x87_exponent, 4);
    print_hex(result.x87_significand, 16);
    print_char('\n');
}

static void leave(char *line) {
    u64 value;
    if (number(&line, 256, &value)) {
        guest_exit((u8)value);
    }
}

static void answer(char *line) {
    char *word = next_word(&line);
    if (!word) {
        return;
    }
    requests++;
    if (text_equal(word, "get")) {
        get(line);
    } else if (text_equal(word, "put")) {
        put(line);
    } else if (text_equal(word, "sum")) {
        sum(line);
    } else if (text_equal(word, "scan")) {
        scan(line);
    } else if (text_equal(word, "stat")) {
        stat();
    } else if (text_equal(word, "float")) {
        floating(line);
    } else if (text_equal(word, "exit")) {
        leave(line);
    } else if (text_equal(word, "halt")) {
        __asm__ volatile("cli; hlt");
    } else {
        bad_request("unknown", 0);
    }
}

/** Reads a line without its end; 0 when it was longer than LINE_SIZE - 1 bytes. */
static int read_line(char *line) {
    u32 n = 0;
    for (;;) {
        char c = read_char();
        if (c == '\n') {
            break;
        }
        if (c != '\r') {
            if (n < LINE_SIZE - 1) {
                line[n] = c;
            }
            n++;
        }
    }
    line[n < LINE_SIZE ? n : LINE_SIZE - 1] = 0;
    return n < LINE_SIZE;
}

// ---- options ----

static int option(const char *word, const char *name, u64 low, u64 high, u64 *value) {
    const char *text = after_prefix(word, name);
    if (!text) {
        return 0;
    }
    if (!parse_number(text, value) || *value < low || *value > high) {
        fail("value out of range in", word);
    }
    return 1;
}

/** The first word is the name of the image, unless it is an option. */
static void read_options(void) {
    char *rest = command_line;
    char *word;
    for (int first = 1; (word = next_word(&rest)) != 0; first = 0) {
        if (text_equal(word, "quiet")) {
            options.quiet = 1;
        } else if (!option(word, "fill=", 1, 95, &options.fill)
                && !option(word, "keys=", 1, ~0UL, &options.keys)
                && !option(word, "seed=", 0, 1UL << 32, &options.seed)
                && !option(word, "hz=", 0, 1000, &options.hertz)
                && !first) {
            fail("unknown option", word);
        }
    }
    if (options.hertz && options.hertz < 19) {
        fail("hz must be 0 or 19 to 1000", "hz");
    }
}

static void choose_size(void) {
    u64 free = 0;
    for (u32 i = 0; i < region_count; i++) {
        free += regions[i].pages;
    }
    pages = free * options.fill / 100;
    if (pages < 2) {
        fail("too little memory", "fill");
    }
    slots = pages * SLOTS_PER_PAGE;
    keys = options.keys ? options.keys : slots;
    if (keys > slots) {
        fail("more keys than fit into the chosen part of memory", "keys");
    }
    choose_places();
    if (!options.quiet) {
        print("faultline keyed guest");
        print_field("free", free);
        print_field("pages", pages);
        print(" data=0x");
        print_hex(regions[0].start, 16);
        print(" volatile=0x");
        print_hex((u64)&volatile_page, 16);
        print_char('\n');
    }
}

void guest_main(void) {
    static char line[LINE_SIZE];
    read_options();
    choose_size();
    if (options.hertz) {
        start_timer((u32)options.hertz);
    }
    u64 checksum = fill();
    print("READY");
    print_field("keys", keys);
    print_field("pages", pages);
    print(" checksum=");
    print_hex(checksum, 16);
    print_char('\n');
    for (;;) {
        if (read_line(line)) {
            answer(line);
        } else {
            bad_request("line too long", 0);
        }
    }
}
