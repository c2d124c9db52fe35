// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.uart16550;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.vm.SerialConsole.InputWait;
import dev.faultline.device.pc.internal.TestLine;
import dev.faultline.testkit.TestBoard;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class Uart16550Test {
    private static final int COM1 = 0x3F8;
    private final TestBoard board = new TestBoard();
    private final TestLine line = new TestLine();
    private final Uart16550 uart = new Uart16550("uart0", board, line, COM1);
    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();

    private void send(String s) {
        uart.send(s.getBytes(StandardCharsets.US_ASCII));
        board.advance(0);
    }

    /** Drivers begin by emptying the FIFOs; what was typed before they look is not in them yet. */
    @Test
    void inputSentBeforeTheGuestLooksIsNotLost() {
        send("typed ahead");
        board.out(COM1 + 2, 0xC7); // FIFOs on and emptied
        StringBuilder got = new StringBuilder();
        while ((board.in(COM1 + 5) & Uart16550.LSR_DR) != 0) {
            got.append((char) board.in(COM1));
        }
        assertThat(got.toString()).isEqualTo("typed ahead");
    }

    @Test
    void aGuestThatLooksInVainOverAndOverPolls() {
        for (int i = 1; i < Uart16550.POLLS; i++) {
            board.in(COM1 + 5);
        }
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        board.in(COM1 + 5);
        assertThat(uart.inputWait()).isEqualTo(InputWait.POLLED);
        send("x");
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        board.in(COM1);
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        for (int i = 0; i < Uart16550.POLLS; i++) {
            board.in(COM1); // no look at the status
        }
        assertThat(uart.inputWait()).isEqualTo(InputWait.POLLED);
        board.out(COM1, 'o');
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
    }

    /** A driver that sends waits for the transmitter, however long the text is. */
    @Test
    void aGuestThatSendsDoesNotPoll() {
        for (int i = 0; i < 2 * Uart16550.POLLS; i++) {
            board.in(COM1 + 5);
            board.out(COM1, 'o');
        }
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
    }

    @Test
    void theReceiveInterruptShowsThatTheGuestLooksForInput() {
        board.out(COM1 + 1, Uart16550.IER_ERBFI);
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        board.out(COM1 + 4, Uart16550.MCR_OUT2);
        assertThat(uart.inputWait()).isEqualTo(InputWait.INTERRUPT);
        board.out(COM1 + 1, Uart16550.IER_ERBFI | Uart16550.IER_ETBEI); // it has more to say
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        board.in(COM1 + 2);
        assertThat(uart.inputWait()).isEqualTo(InputWait.INTERRUPT);
        send("x");
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        StateSection saved = new StateSection("uart0", Uart16550.STATE_VERSION);
        board.in(COM1);
        uart.save(saved);
        uart.reset();
        assertThat(uart.inputWait()).isEqualTo(InputWait.NONE);
        uart.load(saved);
        assertThat(uart.inputWait()).isEqualTo(InputWait.INTERRUPT);
    }

    @Test
    void everyListenerGetsWhatTheGuestSends() {
        uart.addListener(sent::writeBytes);
        board.out(COM1, 'o');
        board.out(COM1, 'k');
        assertThat(sent.toString(StandardCharsets.US_ASCII)).isEqualTo("ok");
        assertThat(uart.bytesSent()).isEqualTo(2);
    }

    @Test
    void aFailingListenerIsDroppedAndTheOthersGoOn() {
        uart.addListener(b -> {
            throw new IllegalStateException("listener");
        });
        uart.addListener(sent::writeBytes);
        board.out(COM1, 'a');
        board.out(COM1, 'b');
        assertThat(sent.toString(StandardCharsets.US_ASCII)).isEqualTo("ab");
    }

    @Test
    void thrEmptyInterruptsOnceUntilTheNextCharacter() {
        board.out(COM1 + 4, Uart16550.MCR_OUT2);
        board.out(COM1 + 1, Uart16550.IER_ETBEI);
        assertThat(line.asserted).isTrue();
        assertThat(board.in(COM1 + 2)).isEqualTo(Uart16550.IIR_THR_EMPTY);
        assertThat(line.asserted).isFalse();
        assertThat(board.in(COM1 + 2)).isEqualTo(Uart16550.IIR_NONE);
        board.out(COM1, 'x');
        assertThat(line.asserted).isTrue();
    }

    @Test
    void withoutOut2TheLineStaysDown() {
        board.out(COM1 + 1, Uart16550.IER_ETBEI);
        assertThat(line.asserted).isFalse();
        assertThat(board.in(COM1 + 2)).isEqualTo(Uart16550.IIR_THR_EMPTY);
    }

    @Test
    void hostInputFlowsThroughTheFifoAsTheGuestReads() {
        board.out(COM1 + 2, 0xC1); // FIFOs on, trigger 14
        board.out(COM1 + 4, Uart16550.MCR_OUT2);
        board.out(COM1 + 1, Uart16550.IER_ERBFI);
        String text = "a line that is longer than sixteen bytes";
        send(text);
        assertThat(line.asserted).isTrue();
        assertThat(board.in(COM1 + 2)).isEqualTo(0xC0 | Uart16550.IIR_DATA);
        StringBuilder got = new StringBuilder();
        while ((board.in(COM1 + 5) & Uart16550.LSR_DR) != 0) {
            got.append((char) board.in(COM1));
        }
        assertThat(got.toString()).isEqualTo(text);
        assertThat(line.asserted).isFalse();
    }

    @Test
    void fewCharactersGiveATimeout() {
        board.out(COM1 + 2, 0x81); // trigger 8
        board.out(COM1 + 1, Uart16550.IER_ERBFI);
        send("abc");
        assertThat(board.in(COM1 + 2)).isEqualTo(0xC0 | Uart16550.IIR_TIMEOUT);
    }

    @Test
    void loopbackReturnsDataAndModemLines() {
        board.out(COM1 + 4, Uart16550.MCR_LOOP | Uart16550.MCR_RTS | Uart16550.MCR_OUT2);
        assertThat(board.in(COM1 + 6) & 0xF0).isEqualTo(Uart16550.MSR_CTS | Uart16550.MSR_DCD);
        uart.addListener(sent::writeBytes);
        board.out(COM1, 0x5A);
        assertThat(board.in(COM1)).isEqualTo(0x5A);
        assertThat(sent.size()).isZero();
    }

    @Test
    void overrunInLoopbackIsReported() {
        board.out(COM1 + 4, Uart16550.MCR_LOOP);
        board.out(COM1, 1);
        board.out(COM1, 2);
        assertThat(board.in(COM1 + 5) & Uart16550.LSR_OE).isNotZero();
        assertThat(board.in(COM1 + 5) & Uart16550.LSR_OE).isZero();
        assertThat(board.in(COM1)).isEqualTo(2); // "thereby destroying the previous character"
    }

    @Test
    void divisorHidesBehindDlab() {
        board.out(COM1 + 3, Uart16550.LCR_DLAB | 3);
        board.out(COM1, 0x34);
        board.out(COM1 + 1, 0x12);
        assertThat(board.in(COM1)).isEqualTo(0x34);
        assertThat(board.in(COM1 + 1)).isEqualTo(0x12);
        board.out(COM1 + 3, 3);
        assertThat(board.in(COM1 + 1)).isZero();
        board.out(COM1 + 7, 0xA5);
        assertThat(board.in(COM1 + 7)).isEqualTo(0xA5);
    }

    @Test
    void stateComesBack() {
        board.out(COM1 + 2, 0x81);
        board.out(COM1 + 4, Uart16550.MCR_OUT2);
        board.out(COM1 + 1, Uart16550.IER_ERBFI);
        send("xyz");
        StateSection saved = TestBoard.saved(uart);
        TestBoard other = new TestBoard();
        TestLine otherLine = new TestLine();
        Uart16550 copy = new Uart16550("uart0", other, otherLine, COM1);
        copy.load(saved);
        assertThat(TestBoard.saved(copy)).isEqualTo(saved);
        assertThat(otherLine.asserted).isTrue();
        assertThat(other.in(COM1)).isEqualTo('x');
    }

    @Test
    void anOverlongReceiverInSavedStateIsRefused() {
        StateSection saved = TestBoard.saved(uart);
        saved.put("receiver", new byte[17]);
        assertThatThrownBy(() -> uart.load(saved))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("17");
    }

    /**
     * Input waits in the host while the receiver is looped back or being reset; it is not stuck
     * there.
     */
    @Test
    void inputThatCameDuringLoopbackOrBeforeAResetIsReceived() {
        board.out(COM1 + 4, Uart16550.MCR_LOOP);
        uart.send(new byte[] {'a', 'b'});
        board.advance(1);
        assertThat(board.in(COM1 + 5) & Uart16550.LSR_DR).isZero();
        board.out(COM1 + 4, 0);
        assertThat(board.in(COM1 + 5) & Uart16550.LSR_DR).isNotZero();
        assertThat(board.in(COM1)).isEqualTo('a');
        uart.send(new byte[] {'c'});
        uart.reset();
        board.advance(1);
        assertThat(board.in(COM1 + 5) & Uart16550.LSR_DR).isNotZero();
        assertThat(board.in(COM1)).isEqualTo('c');
    }
}
