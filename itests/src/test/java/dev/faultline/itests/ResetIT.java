// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Guests that reset their machine under the shipped program, fresh, restored and cloned. */
class ResetIT {
    /** Exit code of the guest: value 0x21 of the debug-exit port. */
    private static final int ENDED = 0x21 << 1 | 1;

    /**
     * Prints how often it has booted, resets twice, then prints dots; 'r' resets it once more, any
     * other input ends it.
     *
     * <pre>
     *         inc byte [0x600] / mov al, [0x600] / add al, '0' / mov dx, 0x3f8 / out dx, al
     *         cmp al, '3' / jae wait
     * reset:  mov dx, 0xcf9 / mov al, 6 / out dx, al / jmp $
     * wait:   mov cx, 0x4000
     * poll:   mov dx, 0x3fd / in al, dx / test al, 1 / jnz got / loop poll
     *         mov dx, 0x3f8 / mov al, '.' / out dx, al / jmp wait
     * got:    mov dx, 0x3f8 / in al, dx / cmp al, 'r' / je reset / mov al, 0x21 / out 0xf4, al
     * </pre>
     */
    private static final String GUEST =
            "fe060006a000060430baf803ee3c337308baf90cb006eeebfeb90040bafd03eca801750a"
                    + "e2f6baf803b02eeeebebbaf803ec3c7274dbb021e6f4";

    /** lidt [0x700] / int3: a triple fault at once. */
    private static final String TRIPLE = "0f011e0007cc";

    @TempDir Path scratch;
    private Path guest;

    @BeforeEach
    void write() throws Exception {
        guest = image(GUEST);
    }

    private Path image(String hex) throws Exception {
        return Files.write(scratch.resolve("guest.bin"), HexFormat.of().parseHex(hex));
    }

    @ParameterizedTest
    @CsvSource({"1, none, coded", "2, all, thrown", "1, random:5, coded"})
    void aResetBootsAgain(int vcpus, String protect, String style) throws Exception {
        Path json = scratch.resolve("run.json");

        Processes.Result r =
                Program.run(
                        scratch,
                        "run",
                        guest,
                        "--vcpus",
                        vcpus,
                        "--protect",
                        protect,
                        "--fault-style",
                        style,
                        "--input-when",
                        "3=x",
                        "--json",
                        json);

        assertThat(r.code()).as(r.err()).isEqualTo(ENDED);
        assertThat(r.out()).startsWith("123");
        assertThat(r.err())
                .contains("the guest reset the machine: reset control register (0xcf9); reboot 1")
                .contains("reboot 2")
                .doesNotContain("powered off");
        assertThat(Program.number(json, "reboots")).isEqualTo(2);
    }

    @Test
    void onResetStopEndsThereAndSaysSo() throws Exception {
        Processes.Result r = Program.run(scratch, "run", guest, "--on-reset", "stop");

        assertThat(r.code()).as(r.err()).isZero();
        assertThat(r.out()).isEqualTo("1");
        assertThat(r.err())
                .contains("the guest reset the machine: reset control register (0xcf9)")
                .doesNotContain("powered off")
                .doesNotContain("reboot");
    }

    /** Ended by the time limit, whatever it reached until then. */
    @Test
    void aGuestThatTripleFaultsForEverIsNotSilent() throws Exception {
        Path json = scratch.resolve("run.json");

        Processes.Result r =
                Program.runLimited(
                        scratch,
                        x -> x.err().contains("reboot 1"),
                        "run",
                        image(TRIPLE),
                        "--json",
                        json);

        assertThat(r.err()).contains("triple fault").contains("reboot 1");
        assertThat(Program.number(json, "reboots")).isPositive();
    }

    @Test
    void aRestoredGuestNeedsToBeToldWhatToBoot() throws Exception {
        Path snapshot = scratch.resolve("snap");
        assertThat(Program.run(scratch, "snapshot", "save", guest, snapshot, "--when", "3").code())
                .isZero();

        Processes.Result without = Program.run(scratch, "restore", snapshot, "--input-when", ".=r");
        assertThat(without.code()).isNotZero();
        assertThat(without.err())
                .contains("the guest reset the machine")
                .contains("cannot boot again")
                .contains("--reset-image");

        for (String mode : new String[] {"lazy", "eager"}) {
            Path json = scratch.resolve(mode + ".json");
            Processes.Result r =
                    Program.run(
                            scratch,
                            "restore",
                            snapshot,
                            "--mode",
                            mode,
                            "--reset-image",
                            guest,
                            "--input-when",
                            ".=r",
                            "--input-when",
                            "4=x",
                            "--json",
                            json);
            assertThat(r.code()).as(r.err()).isEqualTo(ENDED);
            assertThat(r.out()).contains("4");
            assertThat(Program.number(json, "reboots")).isEqualTo(1);
        }

        Path json = scratch.resolve("clones.json");
        Processes.Result clones =
                Program.run(
                        scratch,
                        "restore",
                        snapshot,
                        "--clones",
                        "3",
                        "--serial",
                        "none",
                        "--reset-image",
                        guest,
                        "--input-when",
                        ".=r",
                        "--input-when",
                        "4=x",
                        "--json",
                        json);
        assertThat(clones.code()).as(clones.err()).isEqualTo(ENDED);
        assertThat(clones.err()).contains("3 of 3: the guest ended itself");
        assertThat(Program.number(json, "reboots")).isEqualTo(1);
    }
}
