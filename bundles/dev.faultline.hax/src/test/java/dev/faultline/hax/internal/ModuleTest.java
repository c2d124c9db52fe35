// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.testkit.HangGuard;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Versions, handles, limits, and which value an error has where. */
class ModuleTest {
    private static final int NO_SUCH = 0x1234;
    private static final long VA = 0x1000_0000L;

    private Client c;

    @AfterEach
    void close() {
        c.close();
    }

    private Client client(HaxPlatform platform, boolean strict) {
        c = new Client(platform, strict);
        return c;
    }

    @Test
    void versionAndCapabilities() {
        client(HaxPlatform.LINUX, false);
        ByteBuffer b = Client.buffer(8);
        assertThat(c.ioctl(c.module, HaxOp.VERSION, b)).isZero();
        assertThat(b.getInt(0)).isEqualTo(1);
        assertThat(b.getInt(4)).isEqualTo(4);
        ByteBuffer cap = Client.buffer(16);
        assertThat(c.ioctl(c.module, HaxOp.CAPABILITY, cap)).isZero();
        assertThat(cap.getShort(0)).isEqualTo((short) CAP_WORKING);
        assertThat(cap.getShort(2)).isEqualTo((short) 0x3FF);
        assertThat(cap.getInt(4)).isZero();
        assertThat(cap.getLong(8)).isZero();
        assertThat(c.ioctl(c.vm, HaxOp.NOTIFY_QEMU_VERSION, Client.buffer(8).putInt(0, 4)))
                .isZero();
        assertThat(c.ioctl(c.module, HaxOp.SET_MEMLIMIT, Client.buffer(16))).isZero();
    }

    /** errno 22; STATUS_INVALID_PARAMETER; STATUS_UNSUCCESSFUL. */
    @ParameterizedTest
    @CsvSource({
        "LINUX, -22, -22, -22",
        "MACOS, -22, -22, -22",
        "NETBSD, -22, -22, -22",
        "WINDOWS, -1073741811, -1073741823, -1073741823"
    })
    void errorsOfTheCoreHaveTheirHostsValues(
            HaxPlatform platform, int protect, int addBlock, int run) {
        client(platform, false);
        assertThat(c.protect(0, 0, 0)).isEqualTo(protect);
        assertThat(c.set(0, 0, 0, VA)).isEqualTo(protect);
        assertThat(c.addBlock(0, 0x1000)).isEqualTo(addBlock);
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4))).isZero();
        long vcpu = c.driver.open(platform.vcpuDevice(0, 0));
        assertThat(c.ioctl(vcpu, HaxOp.RUN, null)).as("without a tunnel").isEqualTo(run);
    }

    @ParameterizedTest
    @CsvSource({
        "LINUX, false, -38",
        "LINUX, true, 0",
        "NETBSD, false, -78",
        "NETBSD, true, 0",
        "MACOS, false, -78",
        "MACOS, true, -78",
        "WINDOWS, false, -1073741811",
        "WINDOWS, true, -1073741811"
    })
    void unknownOperationsAreRefusedButForTheReferencesBug(
            HaxPlatform platform, boolean strict, int status) {
        client(platform, strict);
        assertThat(c.driver.ioctl(c.vm, NO_SUCH, null)).isEqualTo(status);
        assertThat(c.driver.ioctl(c.module, NO_SUCH, null)).isNegative();
    }

    @ParameterizedTest
    @CsvSource({"LINUX, -14, -14", "MACOS, -14, -14", "WINDOWS, -1073741811, -1073741789"})
    void buffersThatAreTooShort(HaxPlatform platform, int protect, int createVm) {
        client(platform, false);
        assertThat(c.ioctl(c.vm, HaxOp.PROTECT_RAM, Client.buffer(23))).isEqualTo(protect);
        assertThat(c.ioctl(c.vm, HaxOp.PROTECT_RAM, null)).isEqualTo(protect);
        assertThat(c.ioctl(c.module, HaxOp.CREATE_VM, Client.buffer(3))).isEqualTo(createVm);
    }

    @ParameterizedTest
    @CsvSource({"LINUX, -19", "MACOS, -19", "WINDOWS, -1073741816"})
    void deadHandlesSaySo(HaxPlatform platform, int status) {
        client(platform, false);
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4))).isZero();
        long vcpu = c.driver.open(platform.vcpuDevice(0, 0));
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_DESTROY, Client.buffer(4))).isZero();
        assertThat(c.ioctl(vcpu, HaxOp.RUN, null)).isEqualTo(status);
        assertThat(c.driver.open(platform.vcpuDevice(0, 0))).isEqualTo(status);
        c.driver.close(c.vm);
        assertThat(c.protect(0, 0x1000, 0)).isEqualTo(status);
        c.driver.close(vcpu);
        assertThat(c.driver.open(platform.vmDevice(0)))
                .as("gone with its last handle")
                .isEqualTo(status);
        c.driver.close();
        assertThat(c.ioctl(c.module, HaxOp.VERSION, Client.buffer(8))).isEqualTo(status);
        assertThat(c.driver.open(platform.moduleDevice())).isEqualTo(status);
    }

    @ParameterizedTest
    @CsvSource({"LINUX, 64, -12", "NETBSD, 8, -12", "WINDOWS, 64, -1073741823"})
    void vmsAreLimited(HaxPlatform platform, int max, int status) {
        client(platform, false);
        ByteBuffer id = Client.buffer(4);
        for (int i = 1; i < max; i++) {
            assertThat(c.ioctl(c.module, HaxOp.CREATE_VM, id)).isZero();
            assertThat(id.getInt(0)).isEqualTo(i);
        }
        assertThat(c.ioctl(c.module, HaxOp.CREATE_VM, id)).isEqualTo(status);
    }

    @Test
    void destroyedVmsGiveTheirNumberBack() {
        client(HaxPlatform.LINUX, false);
        assertThat(c.ioctl(c.module, HaxOp.DESTROY_VM, Client.buffer(4))).isZero();
        assertThat(c.ioctl(c.module, HaxOp.DESTROY_VM, Client.buffer(4))).isEqualTo(EINVAL);
        assertThat(c.protect(0, 0x1000, 0)).isEqualTo(ENODEV);
        ByteBuffer id = Client.buffer(4).putInt(0, 7);
        assertThat(c.ioctl(c.module, HaxOp.CREATE_VM, id)).isZero();
        assertThat(id.getInt(0)).isZero();
    }

    @Test
    void vcpusHaveNumbersBelow16() {
        client(HaxPlatform.LINUX, false);
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 15))).isZero();
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 15)))
                .isEqualTo(EINVAL);
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 16)))
                .isEqualTo(EINVAL);
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, -1)))
                .isEqualTo(EINVAL);
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE_OLD, Client.buffer(4).putInt(0, 9))).isZero();
        assertThat(c.driver.open("/dev/hax_vm00/vcpu15")).isPositive();
        assertThat(c.driver.open("/dev/hax_vm00/vcpu00")).isPositive();
        assertThat(c.driver.open("/dev/hax_vm00/vcpu09")).isNegative();
    }

    @Test
    void aKickEndsTheNextRun() {
        client(HaxPlatform.WINDOWS, false).ram(0x1_0000).code("eb fe"); // jmp $
        assertThat(c.vcpu(HaxOp.KICKOFF, null)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_INTERRUPT);
    }

    /** A VM that goes while its guest runs. */
    @Test
    void closingEndsARunInProgress() throws InterruptedException {
        // inc dword [5000h]; jmp $-6
        client(HaxPlatform.LINUX, false).ram(0x1_0000).code("ff 05 00 50 00 00 eb f8");
        int[] status = new int[1];
        Thread t = Thread.ofPlatform().start(() -> status[0] = c.vcpu(HaxOp.RUN, null));
        HangGuard.until("the guest counts", () -> HostBytes.get32(c.ram + 0x5000) != 0);
        c.driver.close();
        HangGuard.join(t);
        assertThat(status[0]).isEqualTo(ENODEV);
    }
}
