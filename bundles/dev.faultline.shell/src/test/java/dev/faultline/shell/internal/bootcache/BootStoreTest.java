// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.shell.internal.bootcache.BootStore.Outcome;
import dev.faultline.shell.internal.disk.FileTree;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is stored, and what becomes of it; snapshots are whatever bytes the test says. */
class BootStoreTest {
    private static final int PACK = 100_000;
    private static final String ID = "ab".repeat(32);

    @TempDir Path scratch;
    private Path root;
    private BootStore store;
    private final Set<Path> inUse = new HashSet<>();

    @BeforeEach
    void open() {
        root = scratch.resolve("up/boot");
        store = store(1 << 30);
    }

    private BootStore store(long limit) {
        return new BootStore(root, limit, snapshots());
    }

    /** Deletes, or says that somebody reads it. */
    private SnapshotService snapshots() {
        return (SnapshotService)
                Proxy.newProxyInstance(
                        SnapshotService.class.getClassLoader(),
                        new Class<?>[] {SnapshotService.class},
                        (p, m, args) -> {
                            assertThat(m.getName()).isEqualTo("delete");
                            Path dir = (Path) args[0];
                            if (inUse.contains(dir)) {
                                throw new SnapshotException(
                                        SnapshotException.Kind.IN_USE, "somebody reads it");
                            }
                            FileTree.remove(dir);
                            return null;
                        });
    }

    private static BootKey key(int n) {
        return new BootKey("%064x".formatted(n), Map.of("image", "vm linuz\n", "append", "ä=%"));
    }

    private static void save(BootDraft draft) throws IOException {
        Path dir = Files.createDirectory(draft.snapshot());
        Files.write(dir.resolve("pack-0"), new byte[PACK]);
        Files.writeString(dir.resolve("manifest"), "manifest");
        Files.writeString(dir.resolve("lock"), "");
    }

    private static byte[] console() {
        return "booting\n# ".getBytes(StandardCharsets.US_ASCII);
    }

    private static Outcome put(BootStore store, int n) throws IOException {
        try (BootDraft draft = store.begin(key(n))) {
            save(draft);
            return draft.publish(ID, console());
        }
    }

    private Path dir(int n) {
        return root.resolve(key(n).hex());
    }

    private void usedAt(int n, int second) throws IOException {
        Files.setLastModifiedTime(
                dir(n).resolve("entry"), FileTime.from(Instant.ofEpochSecond(second)));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> s = Files.list(root)) {
            return s.map(p -> p.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void whatWasStoredIsFound() throws IOException {
        assertThat(store.find(key(1))).isNull();
        assertThat(store.list()).isEmpty();
        assertThat(put(store, 1)).isEqualTo(Outcome.STORED);

        BootEntry e = store.find(key(1));
        assertThat(e.key()).isEqualTo(key(1).hex());
        assertThat(e.snapshotId()).isEqualTo(ID);
        assertThat(e.snapshot()).isEqualTo(dir(1).resolve("snapshot"));
        assertThat(e.facts()).containsEntry("append", "ä=%").containsEntry("image", "vm linuz?");
        assertThat(e.bytes()).isBetween((long) PACK, 2L * PACK);
        assertThat(store.console(e)).isEqualTo(console());
        assertThat(store.find(key(2))).isNull();
        assertThat(store.list()).extracting(BootStore.Listed::entry).containsExactly(e);
        assertThat(names()).containsExactly(key(1).hex(), "lock");

        usedAt(1, 1);
        store.used(e);
        assertThat(store.find(key(1)).used()).isAfter(Instant.ofEpochSecond(1));
    }

    @Test
    void whatIsNotPublishedLeavesNothing() throws IOException {
        try (BootDraft draft = store.begin(key(1))) {
            save(draft);
            assertThat(names()).hasSize(2);
        }
        assertThat(names()).containsExactly("lock");
    }

    // ---- the limit

    @Test
    void whatWasNotUsedForLongestGoes() throws IOException {
        BootStore small = store(4 * PACK);
        for (int n = 1; n <= 3; n++) {
            put(small, n);
            usedAt(n, n);
        }
        small.used(small.find(key(1)));
        inUse.add(dir(2).resolve("snapshot")); // a guest runs from it

        assertThat(put(small, 4)).isEqualTo(Outcome.STORED);

        assertThat(small.list())
                .extracting(BootStore.Listed::key)
                .containsExactlyInAnyOrder(key(1).hex(), key(2).hex(), key(4).hex());
        inUse.clear();
        put(small, 5);
        assertThat(small.find(key(2))).isNull();
        assertThat(small.find(key(5))).isNotNull();
    }

    @Test
    void whatIsLargerThanTheLimitAloneIsNotStored() throws IOException {
        put(store, 1);
        assertThat(put(store(PACK), 2)).isEqualTo(Outcome.TOO_LARGE);
        assertThat(names()).containsExactly(key(1).hex(), "lock");
    }

    // ---- damage

    private static void flip(Path file) throws IOException {
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            long at = f.length() / 2;
            f.seek(at);
            int b = f.read();
            f.seek(at);
            f.write(b ^ 1);
        }
    }

    private static void cut(Path file) throws IOException {
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.setLength(f.length() - 1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"entry", "console", "snapshot/pack-0", "snapshot/manifest"})
    void whatIsDamagedIsToldOnceAndRemoved(String name) throws IOException {
        for (String how : List.of("flipped", "cut", "missing", "a link", "empty")) {
            assertThat(put(store, 1)).isEqualTo(Outcome.STORED);
            Path file = dir(1).resolve(name);
            switch (how) {
                case "flipped" -> flip(file);
                case "cut" -> cut(file);
                case "missing" -> Files.delete(file);
                case "empty" -> Files.write(file, new byte[0]);
                default -> {
                    Path other = scratch.resolve("other");
                    Files.deleteIfExists(other);
                    Files.move(file, other);
                    Files.createSymbolicLink(file, other);
                }
            }
            assertThatThrownBy(() -> store.find(key(1)))
                    .as(how)
                    .isInstanceOf(DamagedEntryException.class)
                    .hasMessageContaining(name)
                    .hasMessageContaining("removed");
            assertThat(store.find(key(1))).isNull();
            assertThat(names()).containsExactly("lock");
        }
    }

    @Test
    void anEntryUnderAnotherKeyIsDamaged() throws IOException {
        put(store, 1);
        Files.move(dir(1), dir(2));
        assertThatThrownBy(() -> store.find(key(2)))
                .isInstanceOf(DamagedEntryException.class)
                .hasMessageContaining("another key");
    }

    /** Who writes a right checksum may still write nonsense. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file ..%2F..%2Fsecret 1 00000000",
                "file %00 1 00000000",
                "file snapshot 0 00000000",
                "file console -1 00000000",
                "file console 99999999999999999999 00000000",
                "created 9223372036854775807",
                "key",
                "what is this line",
                "fact %zz x",
                ""
            })
    void nonsenseIsDamage(String line) throws IOException {
        put(store, 1);
        Path entry = dir(1).resolve("entry");
        String text = Files.readString(entry);
        String body = text.substring(0, text.lastIndexOf("crc32c ")) + line + "\n";
        byte[] b = body.getBytes(StandardCharsets.UTF_8);
        Files.writeString(entry, body + "crc32c " + Checksum.of(b, b.length) + "\n");

        assertThat(store.list().getFirst().error()).isNotNull();
        assertThatThrownBy(() -> store.find(key(1))).isInstanceOf(DamagedEntryException.class);
        assertThat(store.find(key(1))).isNull();
    }

    @Test
    void aDamagedEntryThatAGuestRunsFromStays() throws IOException {
        put(store, 1);
        flip(dir(1).resolve("console"));
        inUse.add(dir(1).resolve("snapshot"));
        assertThatThrownBy(() -> store.find(key(1)))
                .isInstanceOf(DamagedEntryException.class)
                .hasMessageContaining("stays for now");
        assertThat(put(store, 1)).isEqualTo(Outcome.THERE_ALREADY);
    }

    // ---- clearing

    @Test
    void clearRemovesWhatIsOursAndNotInUse() throws IOException {
        assertThat(store.clear()).isEqualTo(new BootStore.Cleared(0, 0, List.of()));
        for (int n = 1; n <= 3; n++) {
            put(store, n);
        }
        cut(dir(2).resolve("console"));
        inUse.add(dir(3).resolve("snapshot"));
        Files.writeString(root.resolve("mine"), "a file of somebody else");
        Path left = Files.createDirectory(root.resolve("." + key(4).hex() + ".1"));
        Files.writeString(left.resolve("owner"), "");

        BootStore.Cleared c;
        try (BootDraft alive = store.begin(key(5))) {
            c = store.clear();
            save(alive);
            assertThat(alive.publish(ID, console())).isEqualTo(Outcome.STORED);
        }
        assertThat(c.removed()).isEqualTo(2);
        assertThat(c.bytes()).isGreaterThanOrEqualTo(PACK);
        assertThat(c.inUse()).containsExactly(key(3).hex());
        assertThat(names()).containsExactly(key(3).hex(), key(5).hex(), "lock", "mine");
    }

    // ---- at the same time

    /** Stores, finds and clears of many threads: each find gives a whole entry or none. */
    @Test
    void whoeverDoesWhatAtTheSameTimeFindsWholeEntries() throws Exception {
        int threads = 6;
        int rounds = 30;
        BootStore small = store(3 * PACK);
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch go = new CountDownLatch(1);
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            boolean clears = t == 0;
            all.add(
                    Thread.ofPlatform()
                            .start(() -> {
                                try {
                                    go.await();
                                    for (int i = 0; i < rounds; i++) {
                                        work(small, clears);
                                    }
                                } catch (Throwable e) {
                                    failures.add(e);
                                }
                            }));
        }
        go.countDown();
        for (Thread t : all) {
            HangGuard.join(t);
        }
        assertThat(failures).isEmpty();
        store.clear();
        assertThat(names()).containsExactly("lock");
    }

    private static void work(BootStore store, boolean clears) throws IOException {
        int n = ThreadLocalRandom.current().nextInt(4);
        if (clears && n == 0) {
            store.clear();
        } else if (n < 2) {
            put(store, n);
        } else {
            store.find(key(n - 2)); // a damaged one would be an exception
        }
    }

    @Test
    void ofTwoWhoStoreTheSameTheFirstOneIsKept() throws IOException {
        try (BootDraft one = store.begin(key(1));
                BootDraft two = store.begin(key(1))) {
            save(one);
            save(two);
            assertThat(two.publish(ID, console())).isEqualTo(Outcome.STORED);
            assertThat(one.publish("cd".repeat(32), console())).isEqualTo(Outcome.THERE_ALREADY);
        }
        assertThat(store.find(key(1)).snapshotId()).isEqualTo(ID);
        assertThat(names()).containsExactly(key(1).hex(), "lock");
    }
}
