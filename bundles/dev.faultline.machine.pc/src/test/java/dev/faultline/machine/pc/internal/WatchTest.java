// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.protection.Watch;
import dev.faultline.api.protection.WatchHandler;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.VcpuExit;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** Watches of byte ranges, on a real engine in real mode, in both styles. */
@ParameterizedClass
@ValueSource(strings = {"coded", "thrown"})
class WatchTest {
    private static final int CODE = 0x8000;
    private static final Duration LONG = Duration.ofMinutes(5);

    private final RealServices services = new RealServices();
    private final List<String> told = new CopyOnWriteArrayList<>();
    private final PcMachine machine;
    private final RamProtection protection;
    private final VcpuContext v;

    WatchTest(String style) throws Exception {
        machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "interpreter", style, List.of()),
                        services);
        protection = machine.protection();
        v = (VcpuContext) machine.vcpus().get(0);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private void put(int gpa, String hex) {
        byte[] b = HexFormat.of().parseHex(hex.replace(" ", ""));
        HostBytes.copyIn(b, 0, machine.memory().hvaOf(gpa), b.length);
    }

    private void halts(String code) throws InterruptedException {
        put(CODE, code + "f4");
        v.segSel[1] = 0;
        v.segBase[1] = 0;
        v.rip = CODE;
        v.gpr[4] = 0x4000;
        v.recompute();
        machine.start();
        assertThat(machine.await(LONG)).isInstanceOf(VcpuExit.PoweredOff.class);
    }

    /** Kinds, first touched byte, bytes before. */
    private final WatchHandler log =
            (m, f, w) -> {
                told.add(
                        "%s %s %x %s"
                                .formatted(
                                        w.name(),
                                        Rights.toString(f.access()).replace("-", ""),
                                        w.firstTouched(f),
                                        HexFormat.of().formatHex(w.now(f))));
                return Resolution.STEP;
            };

    @Test
    void exactlyTheWatchedBytesAreTold() throws Exception {
        put(0x5000, "00112233 44556677 8899aabb");
        try (Watch w = protection.watch("w", 0x5004, 3, Rights.RW, log)) {
            // mov eax,[5000]; mov eax,[5001]; mov [5006],ax; mov al,[5007]; add [5002],eax; mov
            // al,[5003]
            halts("66a10050 66a10150 a30650 a00750 6601060250 a00350");
            assertThat(told).containsExactly("w R 5004 44", "w W 5006 66", "w RW 5004 4455");
            assertThat(w.hits()).isEqualTo(3);
            assertThat(w.neighbours()).isEqualTo(3);
        }
        assertThat(protection.rightsOf(5)).isEqualTo(Rights.RWX);
    }

    @Test
    void aKindThatIsNotWatchedGoesOn() throws Exception {
        Watch w = protection.watch("w", 0x5000, 4, Rights.W, log);
        halts("66a10050 c606035099"); // mov eax,[5000]; mov byte [5003],99
        assertThat(told).containsExactly("w W 5003 00");
        assertThat(w.neighbours()).isZero();
    }

    @Test
    void aRangeAndAnAccessThatCrossPages() throws Exception {
        protection.watch("w", 0x5FFE, 4, Rights.W, log);
        halts("66a3fd5f 66a3ff5f"); // mov [5ffd],eax; mov [5fff],eax
        assertThat(told)
                .containsExactly("w W 5ffe 0000", "w W 6000 00", "w W 5fff 00", "w W 6000 0000");
    }

    @Test
    void instructionsThatTouchTheBytes() throws Exception {
        put(0x6000, "90 b83412 90 ea 00700000"); // nop; mov ax,1234; nop; jmp 0:7000
        put(0x7000, "f4");
        Watch w = protection.watch("w", 0x6002, 1, Rights.X, log);
        halts("ea 00600000");
        assertThat(told).containsExactly("w X 6002 34");
        assertThat(w.neighbours()).isEqualTo(3);
    }

    @Test
    void severalWatchesOfOnePage() throws Exception {
        protection.watch("a", 0x5000, 2, Rights.RW, log);
        protection.watch("b", 0x5001, 2, Rights.W, log);
        protection.watch("c", 0x5800, 1, Rights.RWX, log);
        halts("a30050 a10150"); // mov [5000],ax; mov ax,[5001]
        assertThat(told).containsExactly("a W 5000 0000", "b W 5001 00", "a R 5001 00");
    }

    @Test
    void theHandlerMayAnswerOtherwise() throws Exception {
        protection.watch("w", 0x5000, 2, Rights.R, (m, f, w) -> Resolution.supply((byte) 7));
        halts("a10050"); // mov ax,[5000]
        assertThat(v.gpr[0] & 0xFFFF).isEqualTo(7);
    }

    @Test
    void whatCannotBeWatchedIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> protection.watch("w", 0x5000, 0, Rights.R, log))
                .withMessageContaining("size 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> protection.watch("w", 0x5000, 1, 0, log))
                .withMessageContaining("RWX");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> protection.watch("w", 0x5000, 1, 8, log))
                .withMessageContaining("0x8");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> protection.watch("w", 1L << 40, 1, Rights.R, log))
                .withMessageContaining("highest page");
        assertThat(protection.layers()).hasSize(1);
    }
}
