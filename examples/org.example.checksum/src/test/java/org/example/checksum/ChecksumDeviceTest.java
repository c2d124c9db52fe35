// SPDX-License-Identifier: Apache-2.0
package org.example.checksum;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.testkit.TestBoard;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ChecksumDeviceTest {
    /** RFC 3720, appendix B.4: the check value of CRC-32C is that of these digits. */
    private static final String DIGITS = "123456789";

    private static final long CHECK = 0xE3069283L;

    private final TestBoard board = new TestBoard();
    private final ChecksumDevice device = new ChecksumDevice(board, 0x500, 0xd000_0000L, 5);

    private static void give(ChecksumDevice d, String text) {
        for (int i = 0; i < text.length(); i++) {
            d.mmioWrite(0, i, 1, text.charAt(i));
        }
        d.portWrite(0, ChecksumDevice.LENGTH_LOW, 1, text.length());
        d.portWrite(0, ChecksumDevice.LENGTH_HIGH, 1, 0);
        d.portWrite(0, ChecksumDevice.COMMAND, 1, ChecksumDevice.START);
    }

    private static int status(ChecksumDevice d) {
        return d.portRead(0, ChecksumDevice.STATUS, 1);
    }

    @Test
    void itClaimsWhatItWasTold() {
        assertThat(board.claims()).containsExactly("ports 0x500+4", "mmio 0xd0000000+4096");
    }

    @Test
    void itComputesInGuestTimeAndInterruptsUntilAcknowledged() {
        give(device, DIGITS);
        assertThat(status(device)).isEqualTo(ChecksumDevice.BUSY);
        board.advance(89);
        assertThat(board.line(5)).isFalse();
        board.advance(1);
        assertThat(board.line(5)).isTrue();
        assertThat(status(device)).isEqualTo(ChecksumDevice.DONE);
        assertThat(device.mmioRead(0, ChecksumDevice.RESULT, 8)).isEqualTo(CHECK);
        device.portWrite(0, ChecksumDevice.COMMAND, 1, ChecksumDevice.ACKNOWLEDGE);
        assertThat(board.line(5)).isFalse();
        assertThat(status(device)).isZero();
    }

    @Test
    void aRunningComputationGoesOnInAnotherDeviceWithItsState() {
        give(device, DIGITS);
        board.advance(50);
        StateSection saved = TestBoard.saved(device);
        device.close();

        TestBoard other = new TestBoard();
        other.set(50);
        ChecksumDevice next = new ChecksumDevice(other, 0x500, 0xd000_0000L, 5);
        next.load(saved);
        other.advance(39);
        assertThat(other.line(5)).isFalse();
        other.advance(1);
        assertThat(other.line(5)).isTrue();
        assertThat(next.mmioRead(0, ChecksumDevice.RESULT, 4)).isEqualTo(CHECK);
        board.advance(1000);
        assertThat(board.line(5)).as("the closed one").isFalse();
    }

    @Test
    void damagedStateIsRefusedByName() {
        StateSection s = new StateSection("checksum", 1);
        s.put("buffer", new byte[3]);
        assertThatThrownBy(() -> device.load(s)).hasMessageContaining("buffer: 3 bytes");
    }

    @Test
    void noGuestCanUpsetIt() {
        Random random = new Random(1);
        for (int i = 0; i < 100_000; i++) {
            int size = 1 << random.nextInt(4);
            long at = (long) random.nextInt(ChecksumDevice.WINDOW / size) * size;
            int port = random.nextInt(ChecksumDevice.PORTS);
            switch (random.nextInt(5)) {
                case 0 -> device.mmioWrite(0, at, size, random.nextLong());
                case 1 -> device.mmioRead(0, at, size);
                case 2 -> device.portWrite(0, port, 1, random.nextInt());
                case 3 -> device.portRead(0, port, 1);
                default -> board.advance(random.nextInt(20_000));
            }
        }
        assertThat(board.events).isEmpty();
        device.reset();
        give(device, DIGITS);
        board.advance(1_000_000);
        assertThat(device.mmioRead(0, ChecksumDevice.RESULT, 8)).isEqualTo(CHECK);
    }
}
