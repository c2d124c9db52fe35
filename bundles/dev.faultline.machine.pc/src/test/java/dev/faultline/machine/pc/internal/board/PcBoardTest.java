// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.vm.Machine;
import dev.faultline.machine.pc.internal.run.MachineClock;
import dev.faultline.machine.pc.internal.run.TimerQueue;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PcBoardTest {
    private final List<String> log = new ArrayList<>();
    private final MachineClock clock = new MachineClock(() -> 0);
    private final PcBoard.Requests requests =
            new PcBoard.Requests() {
                @Override
                public void reset(String why) {}

                @Override
                public void powerOff(String why) {}

                @Override
                public void exit(int code, String why) {}

                @Override
                public Machine machine() {
                    throw new IllegalStateException("a board without a machine");
                }

                @Override
                public void deviceFailed(Device device, Throwable thrown) {
                    log.add(device.id() + " failed");
                }
            };
    private final PcBoard board =
            new PcBoard(
                    clock,
                    new TimerQueue("test", clock, (o, e) -> {}),
                    requests,
                    gpa -> gpa < 0x10_0000);

    private final class Recorder implements PortDevice, MmioDevice {
        private final String id;

        Recorder(String id) {
            this.id = id;
        }

        @Override
        public String id() {
            return id;
        }

        @Override
        public int portRead(int range, int offset, int size) {
            log.add("%s in %d+%d/%d".formatted(id, range, offset, size));
            return 0x1122_3344;
        }

        @Override
        public void portWrite(int range, int offset, int size, int value) {
            log.add("%s out %d+%d/%d=%x".formatted(id, range, offset, size, value));
        }

        @Override
        public long mmioRead(int range, long offset, int size) {
            log.add("%s read %d+%d/%d".formatted(id, range, offset, size));
            return -2;
        }

        @Override
        public void mmioWrite(int range, long offset, int size, long value) {
            throw new IllegalStateException("broken");
        }
    }

    /** As chips would that ask for it while they are made. */
    @Test
    void accessToRamBeforeItIsWiredIsRefused() {
        assertThatThrownBy(() -> board.dma(new Recorder("early"), () -> {}))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("access to RAM is not wired yet");
    }

    @Test
    void portsGoToTheirDeviceRelativeToItsRange() {
        board.claimPorts(new Recorder("a"), 7, 0x100, 8);
        assertThat(board.portIn(0x104, 4)).isEqualTo(0x1122_3344);
        assertThat(board.portIn(0x104, 1)).isEqualTo(0x44);
        board.portOut(0x101, 2, 0xBEEF);
        assertThat(log).containsExactly("a in 7+4/4", "a in 7+4/1", "a out 7+1/2=beef");
    }

    @Test
    void accessesAcrossDevicesAreSplitIntoBytes() {
        board.claimPorts(new Recorder("a"), 0, 0x100, 1);
        board.claimPorts(new Recorder("b"), 0, 0x101, 1);
        assertThat(board.portIn(0x100, 4)).isEqualTo(0xFFFF_4444);
        board.portOut(0xFF, 4, 0x4433_2211);
        assertThat(log)
                .containsExactly("a in 0+0/1", "b in 0+0/1", "a out 0+0/1=22", "b out 0+0/1=33");
    }

    @Test
    void unclaimedReadsAsOnes() {
        assertThat(board.portIn(0x500, 1)).isEqualTo(0xFF);
        assertThat(board.portIn(0x500, 2)).isEqualTo(0xFFFF);
        assertThat(board.portIn(0xFFFF, 4)).isEqualTo(-1);
        assertThat(board.mmioRead(0x20_0000, 4)).isEqualTo(0xFFFF_FFFFL);
        assertThat(board.mmioRead(0x20_0000, 8)).isEqualTo(-1L);
        board.mmioWrite(0x20_0000, 8, 1);
        board.portOut(0xFFFF, 4, 1);
    }

    @Test
    void deviceSpaceIsFoundAmongMany() {
        for (int i = 0; i < 9; i++) {
            board.claimMmio(new Recorder("d" + i), i, 0x1000_0000L + i * 0x2000, 0x1000);
        }
        assertThat(board.mmioRead(0x1000_8008L, 2)).isEqualTo(0xFFFE);
        assertThat(board.mmioRead(0x1000_9000L, 1)).isEqualTo(0xFF);
        assertThat(log).containsExactly("d4 read 4+8/2");
    }

    @Test
    void takenRangesAreRefused() {
        Recorder a = new Recorder("a");
        Recorder b = new Recorder("b");
        board.claimPorts(a, 0, 0x100, 8);
        assertThatThrownBy(() -> board.claimPorts(b, 0, 0x0F9, 8))
                .hasMessageContaining("0x100 is taken by a");
        assertThatThrownBy(() -> board.claimPorts(b, 0, 0xFFFF, 2)).hasMessageContaining("0xffff");
        board.claimMmio(a, 0, 0x1000_0000L, 0x1000);
        assertThatThrownBy(() -> board.claimMmio(b, 0, 0x1000_0FF8L, 8))
                .hasMessageContaining("taken by a");
        assertThatThrownBy(() -> board.claimMmio(b, 0, 0x1001_0001L, 8))
                .hasMessageContaining("multiples of 8");
        assertThatThrownBy(() -> board.claimMmio(b, 0, 0x8000, 0x1000)).hasMessageContaining("RAM");
        board.release(a);
        board.claimPorts(b, 0, 0x100, 8);
        board.claimMmio(b, 0, 0x1000_0000L, 0x1000);
    }

    @Test
    void aFailingDeviceIsReportedAndTheAccessEnds() {
        board.claimMmio(new Recorder("a"), 0, 0x1000_0000L, 0x1000);
        board.mmioWrite(0x1000_0000L, 4, 1);
        assertThat(log).containsExactly("a failed");
    }

    /** The dispatch itself: the devices in this test allocate nothing. */
    @Test
    void dispatchDoesNotAllocate() {
        PortDevice quiet =
                new PortDevice() {
                    @Override
                    public String id() {
                        return "quiet";
                    }

                    @Override
                    public int portRead(int range, int offset, int size) {
                        return 1;
                    }

                    @Override
                    public void portWrite(int range, int offset, int size, int value) {}
                };
        board.claimPorts(quiet, 0, 0x80, 1);
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean)
                        java.lang.management.ManagementFactory.getThreadMXBean();
        exercise(20_000);
        long before = threads.getCurrentThreadAllocatedBytes();
        exercise(20_000);
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(20_000);
    }

    private int exercise(int times) {
        int sum = 0;
        for (int i = 0; i < times; i++) {
            sum += board.portIn(0x80, 1);
            board.portOut(0x80, 1, i);
            sum += (int) board.mmioRead(0x2000_0000L, 4);
        }
        return sum;
    }
}
