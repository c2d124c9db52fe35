// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.testkit.HangGuard;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A handler writes to the page that stopped the guest, past all translations. */
class HandlerWritesCodeTest {
    private static final byte DEC_AX = 0x48;

    /** The function at the end runs once as INC AX, then the handler makes it DEC AX. */
    @Test
    void decodedCodeOfThePageIsForgotten() throws Exception {
        runs(m -> {});
    }

    @Test
    void alsoByATranslationThatCameLater() throws Exception {
        runs(m -> {
            m.bindings().orphaned();
            m.bindings().adopted();
        });
    }

    private static void runs(Consumer<PcMachine> first) throws Exception {
        String code =
                "e80b00" // call function
                        + "c6060e8000" // mov byte [function],0: stopped
                        + "e80300" // call function
                        + "a30050" // mov [0x5000],ax: stopped
                        + "40c3"; // function: inc ax; ret
        try (PcMachine m =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "interpreter", "coded", List.of()),
                        new RealServices())) {
            byte[] b = HexFormat.of().parseHex(code);
            HostBytes.copyIn(b, 0, m.memory().hvaOf(0x8000), b.length);
            VcpuContext v = (VcpuContext) m.vcpus().get(0);
            v.segSel[1] = 0x800;
            v.segBase[1] = 0x8000;
            v.segSel[2] = 0;
            v.rip = 0;
            v.gpr[0] = 0;
            v.gpr[4] = 0x7000;
            v.recompute();
            AtomicLong ax = new AtomicLong(-1);
            CountDownLatch done = new CountDownLatch(1);
            ProtectionLayer layer =
                    m.protection()
                            .addLayer(
                                    "patch",
                                    (machine, f) -> {
                                        if (f.gpa() == 0x5000) {
                                            ax.set(v.gpr[0] & 0xFFFF);
                                            done.countDown();
                                            return Resolution.STOP;
                                        }
                                        HostBytes.put8(f.hva(), DEC_AX);
                                        return Resolution.DISCARD;
                                    });
            layer.protect(0x8000, 0x1000, Rights.RX);
            layer.protect(0x5000, 0x1000, Rights.RX);
            first.accept(m);
            m.start();
            HangGuard.await(done, "event done");
            assertThat(ax.get()).isZero();
        }
    }
}
