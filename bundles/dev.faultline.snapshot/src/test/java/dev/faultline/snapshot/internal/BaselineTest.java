// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.image.Baseline;
import dev.faultline.snapshot.internal.source.SourcePolicy;
import dev.faultline.snapshot.internal.source.Sources;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.MessageFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a benchmark leaves out of restores: told each time, and never by accident. */
class BaselineTest {
    private static final int PAGES = 1200;
    private static final RestoreOptions LAZY = RestoreOptions.of(RestoreMode.LAZY);

    @TempDir Path scratch;
    private final Sources sources = new Sources(SourcePolicy.DEFAULT);
    private final Snapshots snapshots = new Snapshots(Disk.REAL, null, sources);
    private final Fake saved = new Fake(PAGES);
    private final Fake lazy = new Fake(PAGES);
    private final Logger logger = Logger.getLogger(Snapshots.class.getName());
    private final List<String> warnings = new CopyOnWriteArrayList<>();
    private final Handler handler =
            new Handler() {
                @Override
                public void publish(LogRecord line) {
                    warnings.add(MessageFormat.format(line.getMessage(), line.getParameters()));
                }

                @Override
                public void flush() {}

                @Override
                public void close() {}
            };
    private Path dir;
    private SnapshotInfo info;

    /** All pages hold noise: each is stored, 16 to a chunk. */
    @BeforeEach
    void save() throws Exception {
        for (int p = 0; p < PAGES; p++) {
            saved.poke(p, Fake.page(p, 0));
        }
        dir = scratch.resolve("s");
        SaveOptions plain = new SaveOptions(Compression.NONE, false);
        info = snapshots.save(saved.machine, dir, plain, x -> {});
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
    }

    @AfterEach
    void close() {
        System.clearProperty(Baseline.PROPERTY);
        logger.setUseParentHandlers(true);
        logger.removeHandler(handler);
        saved.close();
        lazy.close();
    }

    private Restored restore(String without) throws SnapshotException {
        System.setProperty(Baseline.PROPERTY, without);
        try {
            return snapshots.restore(dir, lazy.machine, LAZY);
        } finally {
            System.clearProperty(Baseline.PROPERTY);
        }
    }

    private void damage(byte[] page) throws Exception {
        List<Path> packs;
        try (Stream<Path> files = Files.list(dir)) {
            packs = files.filter(f -> f.getFileName().toString().startsWith("pack")).toList();
        }
        assertThat(packs).hasSize(1);
        byte[] all = Files.readAllBytes(packs.getFirst());
        String wanted = new String(page, StandardCharsets.ISO_8859_1);
        int at = new String(all, StandardCharsets.ISO_8859_1).indexOf(wanted);
        assertThat(at).isPositive();
        all[at] ^= 1;
        Files.write(packs.getFirst(), all);
    }

    @Test
    void onePagePerFault() throws Exception {
        try (Fake other = new Fake(PAGES);
                Restored r = snapshots.restore(dir, other.machine, LAZY)) {
            assertThat(warnings).isEmpty();
            try (Restored b = restore("RANGE_FILL")) {
                for (int p = 0; p < 160; p++) {
                    assertThat(other.read(p)).isEqualTo(saved.peek(p));
                    assertThat(lazy.read(p)).isEqualTo(saved.peek(p));
                }
                assertThat(r.statistics().faults()).isEqualTo(10);
                assertThat(r.statistics().chunksRead()).isEqualTo(10);
                assertThat(b.statistics().faults()).isEqualTo(160);
                assertThat(b.statistics().chunksRead()).isEqualTo(160);
                assertThat(b.statistics().loaded()).isEqualTo(160);
            }
        }
        assertThat(warnings)
                .containsExactly(
                        "snapshot %s is restored without [RANGE_FILL], for a measurement only: system property faultline.bench.without"
                                .formatted(dir));
    }

    @Test
    void onlyWithoutVerificationIsDamageNotSeen() throws Exception {
        damage(saved.peek(3));
        try (Restored b = restore("RANGE_FILL,VERIFICATION")) {
            assertThat(lazy.read(3)).isNotNull().isNotEqualTo(saved.peek(3));
            assertThat(b.failure()).isNull();
        }
        assertThat(warnings).singleElement().asString().contains("[RANGE_FILL, VERIFICATION]");
        try (Fake other = new Fake(PAGES);
                Restored r = snapshots.restore(dir, other.machine, LAZY)) {
            assertThat(other.read(3)).isNull();
            assertThat(r.failure().kind()).isEqualTo(SnapshotException.Kind.CORRUPT);
        }
        System.setProperty(Baseline.PROPERTY, "VERIFICATION");
        assertThatThrownBy(() -> snapshots.verify(dir, x -> {}))
                .as("restores only")
                .isInstanceOf(SnapshotException.class);
        assertThat(warnings).hasSize(1);
    }

    @Test
    void whatIsDemandedOrRemoteIsVerified() throws Exception {
        System.setProperty(Baseline.PROPERTY, "VERIFICATION");
        RestoreOptions demanding = LAZY.demanding(info.id());
        assertThatThrownBy(() -> snapshots.restore(dir, lazy.machine, demanding))
                .hasMessageContaining("is not restored unverified");
        sources.bind(new UntrustedSource(scratch), Map.of());
        URI place = URI.create("test://host/s");
        assertThatThrownBy(() -> snapshots.restore(place, lazy.machine, LAZY))
                .hasMessageContaining("is not restored unverified");
        assertThat(warnings).isEmpty();
        try (Restored local = restore("VERIFICATION")) {
            assertThatThrownBy(() -> local.reattach(place))
                    .hasMessageContaining("is not read unverified");
            assertThat(lazy.read(3)).isEqualTo(saved.peek(3));
        }
    }

    @Test
    void otherNamesAreRefused() {
        for (String wrong : new String[] {"verification", "VERIFICATION,", " RANGE_FILL", "all"}) {
            assertThatThrownBy(() -> restore(wrong).close())
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageStartingWith("system property faultline.bench.without: '")
                    .hasMessageEndingWith("is none of [RANGE_FILL, VERIFICATION]");
        }
    }
}
