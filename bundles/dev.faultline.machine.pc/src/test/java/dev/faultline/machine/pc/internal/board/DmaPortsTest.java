// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.DmaPort;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.FakeServices;
import dev.faultline.machine.pc.internal.PcMachine;
import dev.faultline.testkit.HangGuard;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DmaPortsTest {
    private static final long GPA = 0x5FFE; // crosses a page
    private final FakeServices services = new FakeServices();
    private final byte[] bytes = {1, 2, 3, 4};
    private final CountDownLatch kicked = new CountDownLatch(1);
    private final Device device = () -> "dma";
    private PcMachine machine;
    private DmaPort port;

    @BeforeEach
    void build() throws Exception {
        machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "one", "coded", List.of()), services);
        port = services.chips.board.dma(device, this::kick);
    }

    private void kick() {
        if (port.write(GPA, bytes, 0, 4) == 4) {
            kicked.countDown();
        }
    }

    @AfterEach
    void close() {
        machine.close();
    }

    @Test
    void bytesGoBothWaysAcrossPages() {
        assertThat(port.write(GPA, bytes, 0, 4)).isEqualTo(4);
        byte[] back = new byte[6];
        assertThat(port.read(GPA, back, 1, 4)).isEqualTo(4);
        assertThat(back).containsExactly(0, 1, 2, 3, 4, 0);
    }

    @Test
    void aStoppedTransferMovesNothingAndSaysWhere() {
        machine.protection().userLayer().protect(0x6000, 1, Rights.R);
        assertThat(port.write(GPA, bytes, 0, 4)).isEqualTo(DmaPort.FAULTED);
        assertThat(port.fault().gpa).isEqualTo(0x6000);
        assertThat(port.fault().origin).isEqualTo(FaultOrigin.DEVICE);
        byte[] back = new byte[4];
        assertThat(port.read(GPA, back, 0, 4)).isEqualTo(4);
        assertThat(back).containsOnly(0);
    }

    @Test
    void aHandlerOpensThePageAndTheDeviceIsKicked() throws Exception {
        services.handlers.put(
                (m, f) -> {
                    machine.protection().userLayer().protectPage(f.gfn(), Rights.RWX);
                    return Resolution.RETRY;
                },
                Map.of());
        machine.protection().userLayer().protect(0x6000, 1, Rights.NONE);
        assertThat(port.write(GPA, bytes, 0, 4)).isEqualTo(DmaPort.FAULTED);
        machine.start();
        HangGuard.await(kicked, "event kicked");
        assertThat(machine.statistics().faultsByOrigin()).containsEntry(FaultOrigin.DEVICE, 1L);
    }

    @Test
    void whatNobodyResolvesStopsTheMachineAndIsTriedAgainAtTheNextStart() throws Exception {
        machine.protection().userLayer().protect(0x6000, 1, Rights.NONE);
        port.write(GPA, bytes, 0, 4);
        machine.start();
        VcpuExit exit = HangGuard.await(machine);
        assertThat(exit).isInstanceOf(VcpuExit.Fault.class);
        assertThat(((VcpuExit.Fault) exit).fault().vcpu()).isEqualTo(-1);
        machine.protection().userLayer().protect(0x6000, 1, Rights.RWX);
        machine.start();
        HangGuard.await(kicked, "event kicked");
    }

    /**
     * The guest chose the address: device space, or an address that wraps, is no error of the
     * device's.
     */
    @Test
    void addressesOutsideRamReadAsOnesAndIgnoreWrites() {
        byte[] back = new byte[4];
        assertThat(port.read(0x10_0000_0000L, back, 0, 4)).isEqualTo(4);
        assertThat(back).containsOnly(-1);
        assertThat(port.write(-2, bytes, 0, 4)).isEqualTo(4);
        assertThat(port.read((4 << 20) - 2, back, 0, 4)).isEqualTo(4);
        assertThat(back).containsExactly(0, 0, -1, -1);
    }

    /** A locked access that the host cannot make atomic: a device's bytes come before or after. */
    @Test
    void aTransferWaitsForALockedAccess() throws Exception {
        VcpuContext v = (VcpuContext) machine.vcpus().getFirst();
        v.enterGuest();
        v.busLock.acquire(v);
        Thread t = new Thread(this::kick);
        t.start();
        while (t.getState() != Thread.State.WAITING && kicked.getCount() != 0) {
            Thread.yield();
        }
        assertThat(kicked.getCount()).isEqualTo(1);
        v.busLock.release(v);
        HangGuard.await(kicked, "event kicked");
        v.leaveGuest();
        t.join();
    }
}
