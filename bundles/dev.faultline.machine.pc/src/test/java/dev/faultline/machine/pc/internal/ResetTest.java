// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.device.pc.internal.PcChipsetFactory;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest resets its machine, on the real engine and chips, and boots again. */
class ResetTest {
    private static final Duration LONG = HangGuard.limit();
    private static final long COUNTER = 0x600;
    private static final long IMAGE = 0x7C00;

    /**
     * Counts its boots, spoils its own first byte, and resets in another way each time.
     *
     * <pre>
     * inc byte [0x600]
     * mov byte [0x7c00], 0xf4     ; HLT, were the image not loaded again
     * mov al, [0x600]
     * cmp al, 1 / je cf9
     * cmp al, 2 / je kbd
     * cmp al, 3 / je p92
     * cmp al, 4 / je triple
     * out 0xf4, al
     * cf9:    mov dx, 0xcf9 / mov al, 6 / out dx, al / jmp $
     * kbd:    mov al, 0xfe / out 0x64, al / jmp $
     * p92:    mov al, 1 / out 0x92, al / jmp $
     * triple: lidt [0x700] / int3
     * </pre>
     */
    private static final String FOUR_WAYS =
            "fe060006c606007cf4a000063c01740e3c0274123c0374143c047416e6f4"
                    + "baf90cb006eeebfeb0fee664ebfeb001e692ebfe0f011e0007cc";

    @TempDir Path scratch;
    private PcMachine machine;

    @AfterEach
    void close() {
        if (machine != null) {
            machine.close();
        }
    }

    private PcMachine machine(int vcpus) throws Exception {
        machine =
                PcMachine.create(
                        new MachineConfig(
                                "test", 16 << 20, vcpus, "interpreter", "coded", List.of()),
                        new RealServices(new PcChipsetFactory()));
        return machine;
    }

    private MachineConfig.Boot flat(String hex) throws Exception {
        Path image = scratch.resolve("guest.bin");
        Files.write(image, HexFormat.of().parseHex(hex));
        return new MachineConfig.Boot(image, List.of(), "");
    }

    private VcpuExit run() throws InterruptedException {
        machine.start();
        return machine.await(LONG);
    }

    private int byteAt(long gpa) {
        byte[] b = new byte[1];
        HostBytes.copyOut(machine.memory().hvaOf(gpa), b, 0, 1);
        return b[0];
    }

    @Test
    void everyWayOfResettingLoadsTheImageAgainAndKeepsTheRestOfRam() throws Exception {
        machine(1).boot(flat(FOUR_WAYS));

        assertThat(run()).isEqualTo(new VcpuExit.Reset("reset control register (0xcf9)"));
        machine.reset();
        assertThat(run()).isEqualTo(new VcpuExit.Reset("keyboard controller"));
        machine.reset();
        assertThat(run()).isEqualTo(new VcpuExit.Reset("system control port A (0x92)"));
        machine.reset();
        assertThat(run()).isInstanceOf(VcpuExit.Crashed.class);
        long before = machine.statistics().instructions();
        machine.reset();
        assertThat(run()).isEqualTo(new VcpuExit.Exited(5 << 1 | 1));

        assertThat(byteAt(COUNTER)).isEqualTo(5);
        assertThat(machine.statistics().instructions()).isGreaterThan(before);
    }

    @Test
    void withoutAResetItDoesNotGoOn() throws Exception {
        machine(1).boot(flat(FOUR_WAYS));
        run();

        assertThatThrownBy(machine::start)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("0xcf9");
    }

    /** The button may be pressed at any time: the guest never ends by itself. */
    @Test
    void aRunningMachineGoesOnFromItsImage() throws Exception {
        // inc byte [0x600] / cmp byte [0x600], 2 / je end / jmp $ / end: mov al, 3 / out 0xf4, al
        machine(1).boot(flat("fe060006803e00060274" + "02ebfeb003e6f4"));
        machine.start();
        HangGuard.until("the guest runs", () -> byteAt(COUNTER) == 1);

        machine.reset();

        assertThat(machine.await(LONG)).isEqualTo(new VcpuExit.Exited(7));
    }

    @Test
    void processorsThatWereStartedWaitAgain() throws Exception {
        Path smp = Path.of("src/test/resources/guest/smp.elf");
        machine(2).boot(new MachineConfig.Boot(smp, List.of(), "200"));
        assertThat(run()).isEqualTo(new VcpuExit.Exited(1));
        assertThat(machine.runners()[1].waitsForSipi).isFalse();

        machine.reset();

        assertThat(machine.runners()[1].waitsForSipi).isTrue();
        assertThat(run()).isEqualTo(new VcpuExit.Exited(1));
    }

    @Test
    void whatAnImageLeavesOutIsZeroAgain() throws Exception {
        Path hello = Path.of("src/test/resources/guest/hello.elf");
        machine(1).boot(new MachineConfig.Boot(hello, List.of(), ""));
        StringBuilder said = new StringBuilder();
        machine.serial().addListener(b -> said.append(new String(b)));
        assertThat(run()).isInstanceOf(VcpuExit.Exited.class);
        String first = said.toString();
        said.setLength(0);
        byte[] ones = HexFormat.of().parseHex("ff".repeat(4096));
        for (long gpa = 1 << 20; gpa < 2 << 20; gpa += ones.length) {
            HostBytes.copyIn(ones, 0, machine.memory().hvaOf(gpa), ones.length);
        }

        machine.reset();

        assertThat(run()).isInstanceOf(VcpuExit.Exited.class);
        assertThat(said.toString()).isEqualTo(first).isNotEmpty();
    }

    /** Whoever watches, fills or copies pages sees the image's as a device's writes. */
    @Test
    void loadingAsksTheHandlersOfClosedPages() throws Exception {
        machine(1).boot(flat(FOUR_WAYS));
        run();
        List<PageFault> asked = new ArrayList<>();
        ProtectionLayer[] layer = new ProtectionLayer[1];
        layer[0] =
                machine.protection()
                        .addLayer(
                                "test",
                                (m, f) -> {
                                    asked.add(f.copy());
                                    layer[0].protect(f.gpa() & -4096, 1, Rights.RWX);
                                    return Resolution.RETRY;
                                });
        layer[0].protect(0, machine.config().ramBytes(), Rights.NONE);

        machine.reset();

        assertThat(asked).allMatch(f -> f.origin() == FaultOrigin.DEVICE);
        // The BIOS data area, the extended one that it names, its handlers, and the image.
        assertThat(asked)
                .extracting(PageFault::gpa)
                .containsExactly(0x400L, 0x9FC00L, 0xFFF00L, IMAGE);
        assertThat(run()).isInstanceOf(VcpuExit.Reset.class);
        assertThat(byteAt(COUNTER)).isEqualTo(2);
    }

    @Test
    void aPageThatStaysClosedStopsTheResetWithItsReason() throws Exception {
        machine(1).boot(flat(FOUR_WAYS));
        run();
        machine.protection().addLayer("shut", null).protect(IMAGE & -4096, 1, Rights.R);

        assertThatThrownBy(machine::reset)
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("cannot be loaded")
                .hasMessageContaining("7c00");
        assertThat(machine.await(LONG).toString()).contains("reset failed");
    }

    @Test
    void aMachineWithoutAnImageSaysSoAndCanBeGivenOne() throws Exception {
        machine(1);
        assertThatThrownBy(machine::reset)
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("no image to boot");

        machine.bootOnReset(flat(FOUR_WAYS));
        machine.reset();

        assertThat(run()).isEqualTo(new VcpuExit.Reset("reset control register (0xcf9)"));
    }

    @Test
    void anImageThatIsGoneChangesNothing() throws Exception {
        MachineConfig.Boot boot = flat(FOUR_WAYS);
        machine(1).boot(boot);
        VcpuExit ended = run();
        VcpuContext v = (VcpuContext) machine.vcpus().getFirst();
        long rip = v.rip;
        Files.delete(boot.image());

        assertThatThrownBy(machine::reset).hasMessageContaining("no such file");
        assertThat(v.rip).isEqualTo(rip);
        assertThat(machine.await(LONG)).isEqualTo(ended);
    }

    /** After a reboot a machine is saved and loaded as after its first boot. */
    @Test
    void itsStateIsSavedAfterAReboot() throws Exception {
        machine(2).boot(flat(FOUR_WAYS));
        run();
        machine.reset();
        var state = machine.saveState();
        byte[] ram = new byte[(int) machine.config().ramBytes()];
        HostBytes.copyOut(machine.memory().blocks().getFirst().hva(), ram, 0, ram.length);
        machine.close();

        machine(2).loadState(state);
        HostBytes.copyIn(ram, 0, machine.memory().blocks().getFirst().hva(), ram.length);

        assertThat(run()).isEqualTo(new VcpuExit.Reset("keyboard controller"));
    }

    /** Linkage errors are what a bundle that went away throws. */
    @Test
    void anErrorInTheMiddleStopsTheMachineWithItsReason() throws Exception {
        RealServices services = new RealServices(new PcChipsetFactory());
        VcpuEngineFactory real = services.engine;
        boolean[] broken = new boolean[1];
        services.engine =
                new VcpuEngineFactory() {
                    @Override
                    public String name() {
                        return real.name();
                    }

                    @Override
                    public VcpuEngine create(VcpuContext v) {
                        return real.create(v);
                    }

                    @Override
                    public CpuidPolicy cpuid() {
                        if (broken[0]) {
                            throw new NoClassDefFoundError("on purpose");
                        }
                        return real.cpuid();
                    }
                };
        machine =
                PcMachine.create(
                        new MachineConfig("test", 16 << 20, 1, "interpreter", "coded", List.of()),
                        services);
        machine.boot(flat("ebfe")); // jmp $
        machine.start();
        broken[0] = true;

        assertThatThrownBy(machine::reset)
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("NoClassDefFoundError: on purpose");

        assertThat(machine.running()).isFalse();
        assertThat(machine.await(LONG).toString()).contains("reset failed", "on purpose");
    }

    /** What an extension adds: one with a RESET line, one without, one whose reset fails. */
    private static class Added implements Device {
        private final String id;
        int value;

        Added(String id) {
            this.id = id;
        }

        @Override
        public String id() {
            return id;
        }
    }

    private static final class WithReset extends Added implements Resettable {
        private final boolean fails;

        WithReset(String id, boolean fails) {
            super(id);
            this.fails = fails;
        }

        @Override
        public void reset() {
            if (fails) {
                throw new StackOverflowError("a broken reset");
            }
            value = 0;
        }
    }

    private void with(Added... devices) throws Exception {
        RealServices services = new RealServices(new PcChipsetFactory());
        for (Added d : devices) {
            services.devices.put(d.id(), board -> d);
            d.value = 5;
        }
        machine =
                PcMachine.create(
                        new MachineConfig(
                                "test",
                                16 << 20,
                                1,
                                "interpreter",
                                "coded",
                                Stream.of(devices).map(Added::id).toList()),
                        services);
        machine.boot(flat(FOUR_WAYS));
        run();
    }

    @Test
    void addedDevicesAreResetIfTheyCanBe() throws Exception {
        Added with = new WithReset("with", false);
        Added without = new Added("without");
        with(with, without);

        machine.reset();

        assertThat(with.value).isZero();
        assertThat(without.value).isEqualTo(5);
        assertThat(run()).isEqualTo(new VcpuExit.Reset("keyboard controller"));
    }

    @Test
    void aDeviceWhoseResetFailsIsNamedAndTheOthersAreReset() throws Exception {
        Added other = new WithReset("other", false);
        with(new WithReset("broken", true), other);

        assertThatThrownBy(machine::reset)
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("device broken failed in its reset")
                .hasMessageContaining("a broken reset");
        assertThat(other.value).isZero();
        assertThat(machine.await(LONG).toString()).contains("reset failed");
    }
}
