// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real snapshots of former programs, under the shipped one with the migrators that it ships. */
class OldSnapshotIT {
    private static final Path OLD = Path.of("src/test/resources/snapshots/keyed-state-1");
    private static final String[] BEFORE = {"put 7 0xdeadbeef", "float 1000", "sum 0 9"};
    private static final String[] AFTER = {"sum 0 39", "scan 100 42", "float 500", "put 8 1"};

    private static Typed platform;

    @TempDir Path scratch;

    @BeforeAll
    static void boot() throws Exception {
        platform = new Typed();
    }

    @AfterAll
    static void stop() {
        platform.close();
    }

    private static Machine machine(String name, MachineConfig like) throws Exception {
        return platform.service(MachineFactory.class)
                .create(
                        new MachineConfig(
                                name, like.ramBytes(), like.vcpus(), "", "", like.devices()));
    }

    private static SnapshotService snapshots() {
        return platform.service(SnapshotService.class);
    }

    /** A machine that did from its start what that of the snapshot did. */
    private static String fresh() throws Exception {
        try (Machine m = machine("fresh", snapshots().info(OLD).config());
                GuestTalk talk = new GuestTalk(m)) {
            m.boot(new MachineConfig.Boot(Program.keyed(), List.of(), "keys=40 fill=10 hz=100"));
            m.start();
            talk.await("READY");
            talk.await("\n");
            for (String question : BEFORE) {
                talk.ask(question, "\n");
            }
            return end(m, talk, "get 7");
        }
    }

    /** Everything from the line that was half sent to the end of the guest. */
    private static String end(Machine m, GuestTalk talk, String rest) throws Exception {
        StringBuilder all = new StringBuilder(talk.ask(rest, "\n"));
        for (String question : AFTER) {
            all.append(talk.ask(question, "\n"));
        }
        m.serial().send("exit 5\n".getBytes());
        return all.append(HangGuard.await(m)).toString();
    }

    @ParameterizedTest
    @EnumSource(
            value = RestoreMode.class,
            names = {"EAGER", "LAZY"})
    void theGuestGoesOnAsAFreshOneDoes(RestoreMode mode) throws Exception {
        String want = fresh();
        assertThat(want)
                .contains("7 176 ok efbeadde")
                .contains("count=40 bad=0")
                .endsWith(new VcpuExit.Exited(11).toString());
        try (Machine m = machine("old", snapshots().info(OLD).config());
                GuestTalk talk = new GuestTalk(m);
                Restored r = snapshots().restore(OLD, m, mode)) {
            m.start();
            assertThat(end(m, talk, " 7")).isEqualTo(want);
        }
    }

    /**
     * Input that the guest has not read is in today's snapshots, and today's versions are saved.
     */
    @Test
    void whatItSavesIsOfToday() throws Exception {
        Path now = scratch.resolve("now");
        try (Machine m = machine("old", snapshots().info(OLD).config());
                Restored r = snapshots().restore(OLD, m, RestoreMode.EAGER)) {
            m.serial().send(" 7\nsum 0 9\n".getBytes());
            snapshots().save(m, now, x -> {});
        }
        try (Machine m = machine("now", snapshots().info(now).config());
                GuestTalk talk = new GuestTalk(m);
                Restored r = snapshots().restore(now, m, RestoreMode.LAZY)) {
            assertThat(m.saveState())
                    .filteredOn(s -> s.version() == 2)
                    .extracting(StateSection::id)
                    .containsExactly("vcpu0", "vcpu1", "uart0", "pit", "cmos");
            m.start();
            assertThat(talk.await("total=64b7e16569489a62")).contains("7 176 ok efbeadde");
        }
    }

    /** A stranger's migrator that is asked for, and does not do what it says. */
    @Test
    void aMigratorThatFailsIsNamedAndNothingRuns() throws Exception {
        StateMigrator broken =
                new StateMigrator() {
                    @Override
                    public String section() {
                        return "uart0";
                    }

                    @Override
                    public int from() {
                        return 1;
                    }

                    @Override
                    public int to() {
                        return 2;
                    }

                    @Override
                    public StateSection migrate(StateSection section) {
                        return section;
                    }
                };
        try (Typed.Registered service =
                        platform.register(
                                StateMigrator.class,
                                broken,
                                java.util.Map.of("service.ranking", 1));
                Machine m = machine("broken", snapshots().info(OLD).config())) {
            assertThatThrownBy(() -> snapshots().restore(OLD, m, RestoreMode.EAGER))
                    .isInstanceOfSatisfying(
                            SnapshotException.class,
                            e -> assertThat(e.kind()).isEqualTo(Kind.MISMATCH))
                    .hasMessageContaining("section uart0")
                    .hasMessageContaining("from version 1 to 2")
                    .hasMessageContaining("gave section uart0 version 1");
        }
        assertThat(Files.exists(OLD.resolve("manifest"))).isTrue();
    }
}
