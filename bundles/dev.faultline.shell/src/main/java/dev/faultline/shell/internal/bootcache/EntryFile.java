// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import dev.faultline.api.vm.PlainText;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The file {@code entry} of an entry: what it is, and which files with which contents belong to it.
 * Lines of words with one space between them, values URL-encoded; the last line is the CRC32C of
 * all before it.
 */
final class EntryFile {
    static final String NAME = "entry";

    private static final String HEAD = "faultline boot cache entry 1";
    private static final String KEY = "key";
    private static final String CREATED = "created";
    private static final String ID = "snapshot";
    private static final String FACT = "fact";
    private static final String FILE = "file";
    private static final String CHECK = "crc32c ";
    private static final int MOST_BYTES = 1 << 20;

    /** A file of the entry: its name in the entry's directory, with its contents. */
    private record Part(String name, long bytes, String crc) {}

    private EntryFile() {}

    // ---- writing

    /** Of the files that are in {@code dir} now. */
    static byte[] encode(Path dir, BootKey key, String snapshotId, Instant created)
            throws IOException {
        StringBuilder s = new StringBuilder(HEAD).append('\n');
        line(s, KEY, key.hex());
        line(s, CREATED, String.valueOf(created.toEpochMilli()));
        line(s, ID, snapshotId);
        key.facts().forEach((name, value) -> line(s, FACT, name, value));
        for (Path p : files(dir)) {
            line(s, FILE, name(dir, p), String.valueOf(Files.size(p)), Checksum.of(p));
        }
        byte[] body = s.toString().getBytes(StandardCharsets.UTF_8);
        s.append(CHECK).append(Checksum.of(body, body.length)).append('\n');
        byte[] all = s.toString().getBytes(StandardCharsets.UTF_8);
        if (all.length > MOST_BYTES) {
            throw new IOException("what is to be told of the boot is longer than 1 MiB");
        }
        return all;
    }

    private static void line(StringBuilder s, String kind, String... values) {
        s.append(kind);
        for (String v : values) {
            s.append(' ').append(URLEncoder.encode(v, StandardCharsets.UTF_8));
        }
        s.append('\n');
    }

    /** What the entry consists of, but for this file; a snapshot's lock file comes and goes. */
    private static List<Path> files(Path dir) throws IOException {
        List<Path> all = new ArrayList<>();
        all.add(dir.resolve(BootEntry.CONSOLE));
        try (Stream<Path> s = Files.list(dir.resolve(BootEntry.SNAPSHOT))) {
            s.filter(p -> !p.getFileName().toString().equals("lock")).sorted().forEach(all::add);
        }
        return all;
    }

    private static String name(Path dir, Path file) {
        return dir.relativize(file).toString().replace('\\', '/');
    }

    // ---- reading

    /**
     * Reads an entry.
     *
     * @param whole compare the contents of its files, too; otherwise their lengths only
     * @throws NoSuchFileException if there is none
     * @throws DamagedEntryException if it is not what was stored
     */
    static BootEntry read(Path dir, boolean whole) throws IOException {
        return read(dir, dir.getFileName().toString(), whole);
    }

    /** As {@link #read(Path, boolean)}, of this key, whatever the directory is called. */
    static BootEntry read(Path dir, String wanted, boolean whole) throws IOException {
        Path file = dir.resolve(NAME);
        if (Files.notExists(dir, LinkOption.NOFOLLOW_LINKS)) {
            throw new NoSuchFileException(dir.toString());
        }
        Map<String, String> facts = new LinkedHashMap<>();
        Map<String, String> single = new LinkedHashMap<>();
        List<Part> parts = new ArrayList<>();
        for (String[] words : lines(file)) {
            if (words.length == 4 && words[0].equals(FILE)) {
                parts.add(new Part(words[1], number(words[2]), words[3]));
            } else if (words.length == 3 && words[0].equals(FACT)) {
                facts.put(PlainText.line(words[1]), PlainText.line(words[2]));
            } else if (words.length != 2 || single.put(words[0], words[1]) != null) {
                throw new DamagedEntryException(NAME + " has a line that no entry has");
            }
        }
        long bytes = Files.size(file);
        for (Part p : parts) {
            check(dir, p, whole);
            bytes = Math.addExact(bytes, p.bytes());
        }
        String key = word(single, KEY);
        if (!key.equals(wanted)) {
            throw new DamagedEntryException("it is the entry of another key");
        }
        try {
            return new BootEntry(
                    dir,
                    key,
                    Instant.ofEpochMilli(number(word(single, CREATED))),
                    Files.getLastModifiedTime(file).toInstant(),
                    facts,
                    word(single, ID),
                    bytes);
        } catch (DateTimeException e) {
            throw new DamagedEntryException("the time when it was stored makes no sense");
        }
    }

    private static List<String[]> lines(Path file) throws IOException {
        byte[] b;
        try {
            requireFile(file, NAME);
            try (InputStream in = Files.newInputStream(file)) {
                b = in.readNBytes(MOST_BYTES + 1);
            }
        } catch (NoSuchFileException e) {
            throw new DamagedEntryException(NAME + " is missing");
        }
        String all = new String(b, StandardCharsets.UTF_8);
        int last = all.lastIndexOf('\n', all.length() - 2) + 1;
        int body = all.substring(0, last).getBytes(StandardCharsets.UTF_8).length;
        if (b.length > MOST_BYTES
                || !all.startsWith(HEAD + "\n")
                || body > b.length
                || !all.substring(last).equals(CHECK + Checksum.of(b, body) + "\n")) {
            throw new DamagedEntryException(NAME + " is cut off, changed, or of another program");
        }
        List<String[]> lines = new ArrayList<>();
        for (String line : all.substring(HEAD.length() + 1, last).lines().toList()) {
            String[] words = line.split(" ", -1);
            try {
                for (int i = 1; i < words.length; i++) {
                    words[i] = URLDecoder.decode(words[i], StandardCharsets.UTF_8);
                }
            } catch (IllegalArgumentException e) {
                throw new DamagedEntryException(NAME + " has a value that no entry has");
            }
            lines.add(words);
        }
        return lines;
    }

    private static String word(Map<String, String> single, String name)
            throws DamagedEntryException {
        String value = single.get(name);
        if (value == null) {
            throw new DamagedEntryException(NAME + " does not say its " + name);
        }
        return value;
    }

    private static long number(String s) throws DamagedEntryException {
        try {
            long n = Long.parseLong(s);
            if (n >= 0 && n < Long.MAX_VALUE >> 8) {
                return n;
            }
        } catch (NumberFormatException e) {
            // As one that is too large.
        }
        throw new DamagedEntryException(NAME + " has a number that makes no sense");
    }

    private static void check(Path dir, Part part, boolean whole) throws IOException {
        String name = PlainText.line(part.name());
        Path file;
        try {
            file = dir.resolve(part.name()).normalize();
        } catch (InvalidPathException e) {
            throw new DamagedEntryException(NAME + " names what no file can be called");
        }
        if (!file.startsWith(dir) || file.equals(dir)) {
            throw new DamagedEntryException(NAME + " names a file elsewhere");
        }
        try {
            requireFile(file, name);
            if (Files.size(file) != part.bytes()) {
                throw new DamagedEntryException(
                        "%s has %d bytes, not the %d that were stored"
                                .formatted(name, Files.size(file), part.bytes()));
            }
            if (whole && !Checksum.of(file).equals(part.crc())) {
                throw new DamagedEntryException(name + " is not what was stored");
            }
        } catch (NoSuchFileException e) {
            throw new DamagedEntryException(name + " is missing");
        }
    }

    /** No link to elsewhere, no pipe that never ends. */
    private static void requireFile(Path file, String name) throws IOException {
        BasicFileAttributes a =
                Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!a.isRegularFile()) {
            throw new DamagedEntryException(name + " is not a file");
        }
    }
}
