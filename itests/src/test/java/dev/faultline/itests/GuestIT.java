// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests under the shipped program, from their first instruction to their end. */
@ParameterizedClass
@ValueSource(strings = {"interpreter", "translator"})
class GuestIT {
    /**
     * Fixed by the guest, computed independently of any emulator (docs/howto/embedded-guest.md).
     */
    private static final String READY = "READY keys=10000 pages=\\d+ checksum=3db2c09e7dbf9bc2";

    private static final List<String> ANSWERS =
            List.of(
                    "0 96 ok 4db268c1fab25c2d39b8223c7366b1ff",
                    "9999 96 ok 43b13c0243fa0b9dda8e68429dc141ae",
                    "sum 0 9 count=10 bad=0 total=a9de345a5fd86e62",
                    "scan 1000 42 bad=0 hash=d416ee3be6b797ab",
                    "float 1000 sse2=401df11f45f4e618 x87=4001ef88fa2fa730cec4");
    private static final String QUESTIONS =
            "READY=get 0\\nget 9999\\nsum 0 9\\nscan 1000 42\\nfloat 1000\\nexit 5\\n";

    /** Everything a guest does is the same on each. */
    @Parameter String engine;

    @TempDir Path scratch;

    @Test
    void aGuestInLongModePrintsAndEndsItself() throws Exception {
        Processes.Result r =
                Program.run(scratch, "run", "--engine", engine, Program.guest("hello"));

        assertThat(r.out()).contains("hello from long mode");
        assertThat(r.code()).as(r.err()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"idt", "cr3", "stack"})
    void aTripleFaultEndsWithSixAndSaysWhere(String how) throws Exception {
        Processes.Result r =
                Program.run(
                        scratch,
                        "run",
                        "--engine",
                        engine,
                        Program.guest("triple"),
                        "--append",
                        how,
                        "--on-reset",
                        "stop");

        assertThat(r.code()).as(r.err()).isEqualTo(6);
        assertThat(r.err()).contains("triple fault at cs:rip").doesNotContain("\tat ");
        assertThat(r.err()).containsPattern("rip [0-9a-f]{16}").containsPattern("cr3 [0-9a-f]+");
    }

    @Test
    void hostileAccessesStayInsideTheMachine() throws Exception {
        Processes.Result r =
                Program.run(scratch, "run", "--engine", engine, Program.guest("hostile"));

        assertThat(r.out()).doesNotContain("FAILED");
        assertThat(r.out()).contains("beyond ok", "wild ok", "tables ok", "reserved ok");
        assertThat(r.out()).contains("ports ok", "msr ok", "touch ok");
        assertThat(r.code()).as(r.err()).isEqualTo(1);
    }

    /** The second is started by the first; locked counts, and translations that end in time. */
    @ParameterizedTest
    @CsvSource({"none, coded", "all, coded", "random:3, thrown"})
    void twoProcessorsLoseNoCountAndUseNoOldTranslation(String protect, String style)
            throws Exception {
        Processes.Result r =
                Program.run(
                        scratch,
                        "run",
                        "--engine",
                        engine,
                        Program.guest("smp"),
                        "--vcpus",
                        "2",
                        "--memory",
                        "64M",
                        "--protect",
                        protect,
                        "--fault-style",
                        style,
                        "--append",
                        "20000");

        assertThat(r.out()).contains("second processor id=1");
        assertThat(r.out()).contains("added=40000 exchanged=40000 locked=40000");
        assertThat(r.out()).contains("shot down rounds=200 stale=0", "SMP ok");
        assertThat(r.code()).as(r.err()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"hang", "rep", "repin", "storm"})
    void aStopRequestIsObeyedWhateverTheGuestDoes(String how) throws Exception {
        Program.runLimited(
                scratch,
                r -> r.out().contains(how + " begins"),
                "run",
                "--engine",
                engine,
                Program.guest("hostile"),
                "--append",
                how);
    }

    @ParameterizedTest
    @CsvSource({
        "none,coded",
        "none,thrown",
        "all,coded",
        "all,thrown",
        "random:7,coded",
        "random:8,thrown"
    })
    void protectionAndStyleNeverChangeWhatTheGuestDoes(String protect, String style)
            throws Exception {
        Path json = scratch.resolve("run.json");
        Processes.Result r =
                Program.run(
                        scratch,
                        "run",
                        "--engine",
                        engine,
                        Program.keyed(),
                        "--memory",
                        "64M",
                        "--append",
                        "keys=10000",
                        "--input-when",
                        QUESTIONS,
                        "--protect",
                        protect,
                        "--fault-style",
                        style,
                        "--json",
                        json);

        assertThat(r.code()).as(r.err()).isEqualTo(11);
        assertThat(r.out()).containsPattern(READY).contains(ANSWERS);
        boolean faults = !protect.equals("none");
        assertThat(Program.number(json, "DATA") > 0).isEqualTo(faults);
        assertThat(Program.number(json, "FETCH") > 0).isEqualTo(faults);
        if (!faults) {
            assertThat(Program.number(json, "PAGE_WALK")).isZero();
        }
    }

    @Test
    void aSnapshotGoesOnWhereItWasSaved() throws Exception {
        Path dir = scratch.resolve("snap");
        Processes.Result saved =
                Program.run(
                        scratch,
                        "run",
                        "--engine",
                        engine,
                        Program.keyed(),
                        "--memory",
                        "64M",
                        "--append",
                        "keys=10000",
                        "--snapshot-when",
                        "checksum=",
                        "--snapshot-to",
                        dir,
                        "--stop-when",
                        "bf9bc2\\n");
        assertThat(saved.code()).as(saved.err()).isZero();

        for (String mode : List.of("eager", "lazy")) {
            Processes.Result r =
                    Program.ask(
                            scratch,
                            "get 0\nget 9999\nsum 0 9\nscan 1000 42\nfloat 1000\nexit 5\n",
                            "restore",
                            dir,
                            "--mode",
                            mode);
            assertThat(r.code()).as(mode + ": " + r.err() + r.out()).isEqualTo(11);
            assertThat(r.out()).contains(ANSWERS);
        }
    }

    @Test
    void inputIsSentAtTheStart() throws Exception {
        Processes.Result r =
                Program.run(
                        scratch,
                        "run",
                        "--engine",
                        engine,
                        Program.keyed(),
                        "--memory",
                        "64M",
                        "--append",
                        "keys=10000",
                        "--input",
                        "get 0\\nexit 5\\n");

        assertThat(r.code()).as(r.err()).isEqualTo(11);
        assertThat(r.out()).contains(ANSWERS.getFirst());
    }

    @Test
    void theDemoComparesEveryRestore() throws Exception {
        Path json = scratch.resolve("demo.json");
        Path picture = scratch.resolve("pages.png");

        Processes.Result r =
                Program.run(
                        scratch, "demo", "--memory", "64M", "--json", json, "--picture", picture);

        assertThat(r.code()).as(r.err() + r.out()).isZero();
        assertThat(Files.readString(json)).containsPattern("\"identical\"\\s*:\\s*true");
        assertThat(Program.number(json, "count")).isGreaterThanOrEqualTo(10);
        assertThat(picture).isNotEmptyFile();
        Matcher m = Pattern.compile("lazy +[\\d.,]+ ms +[\\d.,]+ ms +(\\d+)").matcher(r.out());
        assertThat(m.find()).isTrue();
        assertThat(Long.parseLong(m.group(1))).isBetween(1L, 64L * 256 - 1);
    }
}
