// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Cbor;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.ContentHash;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An id binds machine, state and every page, through parents and compactions too. */
class IdTest {
    private static final int PAGES = 1200;
    private static final SaveOptions INCREMENTAL = new SaveOptions(Compression.LZ4, true);

    @TempDir Path home;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);
    private Path base;
    private Path child;
    private byte[][] old;
    private byte[][] memory;

    @BeforeEach
    void saveBoth() throws Exception {
        base = home.resolve("base");
        child = home.resolve("child");
        try (Fake f = new Fake(PAGES).fill(5)) {
            snapshots.save(f.machine, base, x -> {});
            old = f.all();
        }
        memory = child(child, 3);
    }

    private byte[][] child(Path dir, int step) throws Exception {
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
            for (int p = 0; p < 600; p += step) {
                g.write(p, Fake.page(p, p % 4));
            }
            snapshots.save(g.machine, dir, INCREMENTAL, x -> {});
            snapshots.verify(dir, x -> {});
            for (int p = 0; p < g.pages(); p++) {
                g.read(p);
            }
            return g.all();
        }
    }

    private String id(Path dir) throws SnapshotException {
        return snapshots.info(dir).id();
    }

    private static byte[] root(Path dir) throws SnapshotException {
        return LocalOrigin.manifest(dir).hashes().root();
    }

    /** As a guest sees it. */
    private byte[][] restored(Path dir, RestoreMode mode, String id) throws Exception {
        RestoreOptions o = RestoreOptions.of(mode).demanding(id);
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(dir, g.machine, o)) {
            for (int p = 0; p < g.pages(); p++) {
                if (g.read(p) == null) {
                    throw r.failure();
                }
            }
            return g.all();
        }
    }

    private static void refused(Kind kind, ThrowingCallable what) {
        assertThatThrownBy(what)
                .isInstanceOfSatisfying(
                        SnapshotException.class,
                        e -> assertThat(e.kind()).as(e.getMessage()).isEqualTo(kind));
    }

    // ---- what is right

    /** The tree over the memory, as the format's description says it. */
    private static byte[] expectedRoot(byte[][] pages) {
        int sections = (pages.length + 511) / 512;
        byte[] all = new byte[sections * 32];
        for (int s = 0; s < sections; s++) {
            var sha = Digests.sha256();
            for (int p = s * 512; p < Math.min(pages.length, s * 512 + 512); p++) {
                sha.update(Digests.sha256().digest(pages[p]));
            }
            System.arraycopy(sha.digest(), 0, all, s * 32, 32);
        }
        return ContentHash.root(pages.length, Digests.sha256().digest(all));
    }

    @Test
    void theContentRootIsOverAllPagesAndStaysWhenCompacted() throws Exception {
        assertThat(root(base)).isEqualTo(expectedRoot(old));
        assertThat(root(child)).isEqualTo(expectedRoot(memory));
        assertThat(snapshots.info(child).parentId()).isEqualTo(id(base));
        assertThat(LocalOrigin.manifest(child).parent().root()).isEqualTo(root(base));
        String former = id(child);
        snapshots.compact(child, x -> {});
        assertThat(root(child)).isEqualTo(expectedRoot(memory));
        assertThat(id(child)).isNotEqualTo(former);
        assertThat(snapshots.info(child).parentId()).isNull();
        snapshots.verify(child, x -> {});
    }

    @ParameterizedTest
    @EnumSource(
            value = RestoreMode.class,
            names = {"EAGER", "LAZY"})
    void anIdCanBeDemandedAlsoAFormerOne(RestoreMode mode) throws Exception {
        List<String> ids = new ArrayList<>(List.of(id(child)));
        for (int i = 0; i < 3; i++) {
            for (String id : ids) {
                assertThat(restored(child, mode, id)).isDeepEqualTo(memory);
                assertThat(snapshots.verify(child.toUri(), id.toUpperCase(), x -> {}))
                        .isEqualTo(memory.length);
                snapshots.clones(child.toUri(), mode, id).close();
            }
            snapshots.compact(child, x -> {});
            ids.add(id(child));
        }
        for (String other : List.of(id(base), "00".repeat(32))) {
            refused(Kind.MISMATCH, () -> restored(child, mode, other));
            refused(Kind.MISMATCH, () -> snapshots.verify(child.toUri(), other, x -> {}));
            refused(Kind.MISMATCH, () -> snapshots.clones(child.toUri(), mode, other));
        }
        assertThatThrownBy(() -> restored(child, mode, "abcd"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("abcd")
                .hasMessageContaining("64");
    }

    @Test
    void childrenOfACompactedParentGoOnAndSoDoTheirs() throws Exception {
        Path third = home.resolve("third");
        byte[][] last;
        try (Fake g = new Fake(PAGES);
                Restored r = snapshots.restore(child, g.machine, RestoreMode.LAZY)) {
            g.write(700, Fake.page(77, 0));
            snapshots.compact(base, x -> {}); // under its feet
            snapshots.save(g.machine, third, INCREMENTAL, x -> {});
            last = memory.clone();
            last[700] = Fake.page(77, 0);
        }
        snapshots.compact(base, x -> {});
        assertThat(restored(third, RestoreMode.LAZY, id(third))).isDeepEqualTo(last);
        assertThat(root(third)).isEqualTo(expectedRoot(last));
        snapshots.verify(third, x -> {});
        snapshots.compact(child, x -> {});
        assertThat(restored(third, RestoreMode.EAGER, id(third))).isDeepEqualTo(last);
        snapshots.compact(third, x -> {});
        assertThat(restored(third, RestoreMode.LAZY, null)).isDeepEqualTo(last);
        assertThat(root(third)).isEqualTo(expectedRoot(last));
    }

    /** As versions saved them that knew no content root. */
    @Test
    void aParentWithoutContentRootIsNotCompactedBeforeItsChildren() throws Exception {
        rewrite(base, m -> m.keySet().removeAll(List.of("root", "hashes")));
        byte[] now = LocalOrigin.manifest(base).id();
        rewrite(child, m -> m.put("parent", Map.of("id", now, "path", "base")));
        assertThat(restored(child, RestoreMode.LAZY, null)).isDeepEqualTo(memory);
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> snapshots.compact(base, x -> {}))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("compact " + child.toRealPath() + " first");
            assertThat(LocalOrigin.manifest(base).is(now)).isTrue();
            assertThat(restored(child, RestoreMode.LAZY, null)).isDeepEqualTo(memory);
        }
        snapshots.compact(child, x -> {});
        snapshots.compact(base, x -> {});
        assertThat(restored(child, RestoreMode.LAZY, null)).isDeepEqualTo(memory);
        assertThat(restored(base, RestoreMode.LAZY, null)).isDeepEqualTo(old);
        assertThat(root(base)).isEqualTo(expectedRoot(old));
    }

    /** A child that an older version's compaction cut off still needs the pages it refers to. */
    @Test
    void whatSomebodyRefersToByAFormerIdIsNotDeletedProvedOrNot() throws Exception {
        snapshots.compact(base, x -> {});
        rewrite(base, m -> m.remove("layouts"));
        refused(Kind.MISMATCH, () -> snapshots.delete(base));
        assertThat(restored(base, RestoreMode.LAZY, null)).isDeepEqualTo(old);
        snapshots.delete(child);
        snapshots.delete(base);
        assertThat(base).doesNotExist();
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void aCompactionKeepsCodecOptionalFeaturesAndUnknownKeys(Compression how) throws Exception {
        Path dir = home.resolve("kept");
        try (Fake f = new Fake(PAGES).fill(8)) {
            snapshots.save(f.machine, dir, new SaveOptions(how, false), x -> {});
        }
        rewrite(
                dir,
                m -> {
                    m.put("mood", Map.of("today", List.of("cheerful", 7L)));
                    m.put("optional", List.of("a-feature"));
                });
        Codec codec = LocalOrigin.manifest(dir).codec();
        assertThat(codec.ordinal()).isEqualTo(how.ordinal());
        String former = id(dir);
        snapshots.compact(dir, x -> {});
        Manifest m = LocalOrigin.manifest(dir);
        assertThat(m.codec()).isEqualTo(codec);
        assertThat(m.raw().get("mood")).isEqualTo(Map.of("today", List.of("cheerful", 7L)));
        assertThat(m.raw().get("optional")).isEqualTo(List.of("a-feature"));
        snapshots.verify(dir.toUri(), former, x -> {});
    }

    // ---- what is slipped under

    private interface Change {
        void of(Map<String, Object> manifest);
    }

    /** A manifest as an attacker writes it: whole, and with its own id. */
    private static void rewrite(Path dir, Change change) throws Exception {
        Map<String, Object> m = new TreeMap<>(LocalOrigin.manifest(dir).raw());
        change.of(m);
        byte[] body = Cbor.encode(m);
        java.nio.ByteBuffer b =
                java.nio.ByteBuffer.allocate(Layout.HEAD + body.length + 36)
                        .order(java.nio.ByteOrder.LITTLE_ENDIAN);
        b.put(Layout.MAGIC).putInt(Layout.VERSION).putInt(body.length).put(body);
        b.putInt(Digests.crc32c(b.array(), 0, b.position()));
        Files.write(dir.resolve("manifest"), b.put(Digests.sha256().digest(body)).array());
    }

    private void evil(Path dir) throws Exception {
        try (Fake f = new Fake(PAGES).fill(666)) {
            snapshots.save(f.machine, dir, x -> {});
        }
    }

    private static void replace(Path dir, Path by) throws IOException {
        for (String s : dir.toFile().list()) {
            Files.delete(dir.resolve(s));
        }
        for (String s : by.toFile().list()) {
            Files.copy(by.resolve(s), dir.resolve(s));
        }
    }

    /** Another memory that says it was the parent once. */
    @Test
    void whoOnlyClaimsAnIdIsNotTheParent() throws Exception {
        byte[] wanted = LocalOrigin.manifest(base).id();
        Map<String, Object> real = new TreeMap<>(LocalOrigin.manifest(base).raw());
        real.keySet().retainAll(List.of("required", "pages", "index", "packs", "hashes"));
        Path e = home.resolve("evil");
        evil(e);
        for (boolean layouts : new boolean[] {false, true}) {
            replace(base, e);
            rewrite(
                    base,
                    m -> {
                        m.put("formerly", List.of(wanted));
                        if (layouts) {
                            m.put("layouts", List.of(real));
                        }
                    });
            for (RestoreMode mode : List.of(RestoreMode.EAGER, RestoreMode.LAZY)) {
                assertThatThrownBy(() -> restored(child, mode, null))
                        .hasMessageContaining("cannot prove");
            }
            refused(Kind.MISSING, () -> snapshots.verify(child, x -> {}));
            refused(Kind.MISSING, () -> snapshots.compact(child, x -> {}));
            refused(Kind.MISSING, () -> snapshots.clones(child, RestoreMode.LAZY));
            refused(Kind.MISMATCH, () -> restored(base, RestoreMode.LAZY, Manifest.hex(wanted)));
        }
    }

    /** A true compaction whose files were exchanged for those of another memory. */
    @ParameterizedTest
    @ValueSource(strings = {"its own hashes", "the true hashes"})
    void aTrueHistoryDoesNotCoverOtherPages(String how) throws Exception {
        String former = id(base);
        snapshots.compact(base, x -> {});
        snapshots.verify(child, x -> {});
        Path e = home.resolve("evil");
        evil(e);
        Map<String, Object> other = LocalOrigin.manifest(e).raw();
        Path kept = Files.copy(base.resolve("hashes-1"), home.resolve("true-hashes"));
        Map<String, Object> was = LocalOrigin.manifest(base).raw();
        replace(base, e);
        Files.copy(kept, base.resolve("hashes-1"));
        rewrite(
                base,
                m -> {
                    m.clear();
                    m.putAll(was);
                    for (String k : List.of("required", "pages", "index", "packs")) {
                        m.put(k, other.get(k));
                    }
                    if (how.equals("its own hashes")) {
                        m.put("hashes", other.get("hashes"));
                    }
                });
        for (RestoreMode mode : List.of(RestoreMode.EAGER, RestoreMode.LAZY)) {
            assertThatThrownBy(() -> restored(child, mode, id(child)))
                    .isInstanceOf(SnapshotException.class);
            assertThatThrownBy(() -> restored(base, mode, former))
                    .isInstanceOf(SnapshotException.class);
        }
        assertThatThrownBy(() -> snapshots.verify(child, x -> {}))
                .isInstanceOf(SnapshotException.class);
        // Nobody demands anything: it is what it is, but it is not what it says it holds.
        assertThatThrownBy(() -> snapshots.verify(base, x -> {}))
                .isInstanceOf(SnapshotException.class);
    }

    /** The guest gets each page right or not at all, whatever part of the proof is damaged. */
    @Test
    void damagedHashesLetNothingThrough() throws Exception {
        String former = id(base);
        snapshots.compact(base, x -> {});
        Path file = base.resolve("hashes-1");
        byte[] good = Files.readAllBytes(file);
        for (int at = 0; at < good.length; at += 97) {
            byte[] bad = good.clone();
            bad[at] ^= 4;
            Files.write(file, bad);
            boolean refused = false;
            byte[][] got = null;
            try {
                got = restored(base, RestoreMode.LAZY, former);
            } catch (SnapshotException e) {
                refused = true;
            }
            assertThat(refused || java.util.Arrays.deepEquals(got, old)).as("byte %d", at).isTrue();
            assertThat(restored(base, RestoreMode.EAGER, id(base))).isDeepEqualTo(old);
        }
        Files.delete(file);
        assertThat(restored(base, RestoreMode.LAZY, null)).isDeepEqualTo(old);
        refused(Kind.MISSING, () -> snapshots.verify(base, x -> {}));
        refused(Kind.MISSING, () -> restored(base, RestoreMode.EAGER, former));
    }

    @Test
    void aFormerIdBindsTheStateToo() throws Exception {
        String former = id(base);
        snapshots.compact(base, x -> {});
        try (Fake g = new Fake(PAGES);
                Restored r =
                        snapshots.restore(
                                base,
                                g.machine,
                                RestoreOptions.of(RestoreMode.LAZY).demanding(former))) {
            assertThat(g.state).extracting(StateSection::id).containsExactly("cpu0");
        }
        rewrite(base, m -> m.put("state", List.of()));
        refused(Kind.MISMATCH, () -> restored(base, RestoreMode.LAZY, former));
        refused(Kind.MISSING, () -> snapshots.verify(child, x -> {}));
    }

    /** A parent that names itself, or its child, as parent: as far as that can be made. */
    @Test
    void circlesAreFoundAtOpening() throws Exception {
        byte[] wanted = LocalOrigin.manifest(base).id();
        byte[] mine = LocalOrigin.manifest(child).id();
        snapshots.compact(base, x -> {});
        rewrite(
                base,
                m -> {
                    m.put("parent", Map.of("id", mine, "path", "child"));
                    m.put("required", List.of("lz4", "parent"));
                });
        assertThat(LocalOrigin.manifest(base).claims(wanted)).isTrue();
        refused(
                Kind.MISSING,
                () -> snapshots.restore(child, new Fake(PAGES).machine, RestoreMode.LAZY));
    }

    @Test
    void aMissingParentIsFoundBeforeTheGuestRuns() throws Exception {
        Files.move(base, home.resolve("away"));
        Files.move(home.resolve("away").resolve("manifest"), home.resolve("gone"));
        try (Fake g = new Fake(PAGES)) {
            refused(Kind.MISSING, () -> snapshots.restore(child, g.machine, RestoreMode.LAZY));
            assertThat(g.protection.layers()).hasSize(1); // the user's
        }
    }
}
