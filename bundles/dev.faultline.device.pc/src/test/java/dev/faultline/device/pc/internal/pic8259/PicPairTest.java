// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pic8259;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.StateSection;
import dev.faultline.testkit.TestBoard;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PicPairTest {
    private final TestBoard board = new TestBoard();
    private final Object lock = new Object();
    private final PicPair pic = new PicPair(board, lock, edge -> {});

    /** As Linux: bases 0x30 and 0x38, cascade on 2, 8086 mode, all unmasked. */
    @BeforeEach
    void initialise() {
        int[][] writes = {
            {0x20, 0x11},
            {0x21, 0x30},
            {0x21, 0x04},
            {0x21, 0x01},
            {0xA0, 0x11},
            {0xA1, 0x38},
            {0xA1, 0x02},
            {0xA1, 0x01},
            {0x21, 0},
            {0xA1, 0}
        };
        for (int[] w : writes) {
            board.out(w[0], w[1]);
        }
    }

    private void pulse(int irq) {
        pic.setLine(irq, true);
        pic.setLine(irq, false);
    }

    @Test
    void anEdgeIsDeliveredOnceAndServedUntilEoi() {
        pulse(4);
        assertThat(pic.output()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        assertThat(pic.output()).isFalse();
        pulse(4);
        assertThat(pic.output()).isFalse(); // in service
        board.out(0x20, 0x20);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
    }

    @Test
    void higherPriorityInterruptsLower() {
        pulse(4);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        pulse(5);
        assertThat(pic.output()).isFalse();
        pulse(0);
        assertThat(pic.acknowledge()).isEqualTo(0x30);
        board.out(0x20, 0x0B);
        assertThat(board.in(0x20)).isEqualTo(0x11); // ISR: 0 and 4
    }

    @Test
    void theSlaveComesThroughTheCascade() {
        pulse(8);
        assertThat(pic.acknowledge()).isEqualTo(0x38);
        pulse(12);
        assertThat(pic.output()).isFalse();
        board.out(0xA0, 0x20);
        board.out(0x20, 0x62); // specific EOI 2
        assertThat(pic.output()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(0x3C);
    }

    @Test
    void aMaskedRequestWaits() {
        board.out(0x21, 0x10);
        pulse(4);
        assertThat(pic.output()).isFalse();
        assertThat(board.in(0x20)).isEqualTo(0x10); // IRR
        board.out(0x21, 0);
        assertThat(pic.output()).isTrue();
    }

    @Test
    void nothingPendingGivesTheSpuriousVector() {
        assertThat(pic.acknowledge()).isEqualTo(0x37);
        board.out(0x20, 0x0B);
        assertThat(board.in(0x20)).isZero(); // and is not in service
    }

    @Test
    void aLevelInputComesAgainWhileItIsHeld() {
        board.out(0x4D1, 0x02); // irq 9
        assertThat(board.in(0x4D1)).isEqualTo(0x02);
        pic.setLine(9, true);
        assertThat(pic.acknowledge()).isEqualTo(0x39);
        board.out(0xA0, 0x61);
        board.out(0x20, 0x62);
        assertThat(pic.acknowledge()).isEqualTo(0x39);
        pic.setLine(9, false);
        board.out(0xA0, 0x61);
        board.out(0x20, 0x62);
        assertThat(pic.output()).isFalse();
    }

    @Test
    void elcrCannotMakeTheTimerLevel() {
        board.out(0x4D0, 0xFF);
        assertThat(board.in(0x4D0)).isEqualTo(0xF8);
    }

    @Test
    void autoEoiLeavesNothingInService() {
        board.out(0x20, 0x11);
        board.out(0x21, 0x30);
        board.out(0x21, 0x04);
        board.out(0x21, 0x03);
        board.out(0x21, 0);
        pulse(4);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        board.out(0x20, 0x0B);
        assertThat(board.in(0x20)).isZero();
    }

    @Test
    void rotationMovesPriority() {
        pulse(0);
        pic.acknowledge();
        board.out(0x20, 0xA0); // rotate on non-specific EOI: 0 is now lowest
        pulse(0);
        pulse(1);
        assertThat(pic.acknowledge()).isEqualTo(0x31);
    }

    @Test
    void specialMaskModeLetsLowerThrough() {
        pulse(0);
        pic.acknowledge();
        board.out(0x21, 0x01);
        board.out(0x20, 0x68);
        pulse(4);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
    }

    @Test
    void pollingAcknowledges() {
        pulse(4);
        board.out(0x20, 0x0C);
        assertThat(board.in(0x20)).isEqualTo(0x84);
        assertThat(pic.output()).isFalse();
    }

    @Test
    void stateComesBack() {
        pulse(4);
        pic.acknowledge();
        pulse(9);
        StateSection saved = TestBoard.saved(pic);
        PicPair copy = new PicPair(new TestBoard(), lock, edge -> {});
        copy.load(saved);
        assertThat(TestBoard.saved(copy)).isEqualTo(saved);
        assertThat(copy.output()).isTrue();
        assertThat(copy.acknowledge()).isEqualTo(0x39);
    }

    /** ICW1 bits SNGL and IC4 say which of ICW3 and ICW4 come. */
    @Test
    void aSingleControllerGetsNoThirdWord() {
        write(0x20, 0x13, 0x21, 0x28, 0x21, 0x01, 0x21, 0xFE);
        assertThat(board.in(0x21)).isEqualTo(0xFE);
        pulse(0);
        assertThat(pic.acknowledge()).isEqualTo(0x28);
    }

    @Test
    void aSingleControllerWithoutFourthWordIsReadyAfterTheSecond() {
        write(0x20, 0x12, 0x21, 0x28, 0x21, 0xFE);
        assertThat(board.in(0x21)).isEqualTo(0xFE);
    }

    @Test
    void withoutFourthWordTheThirdIsTheLast() {
        write(0x20, 0x10, 0x21, 0x28, 0x21, 0x04, 0x21, 0xFE);
        assertThat(board.in(0x21)).isEqualTo(0xFE);
    }

    @Test
    void theSecondInputOfASingleControllerIsItsOwn() {
        write(0x20, 0x13, 0x21, 0x28, 0x21, 0x01, 0x21, 0x00);
        pulse(8);
        assertThat(pic.acknowledge()).isEqualTo(0x2A);
    }

    @Test
    void aSingleControllerIsSavedAsOne() {
        write(0x20, 0x13);
        PicPair copy = new PicPair(new TestBoard(), lock, edge -> {});
        StateSection saved = TestBoard.saved(pic);
        copy.load(saved);
        assertThat(TestBoard.saved(copy)).isEqualTo(saved);
    }

    @Test
    void priorityRotatesAfterTheOneThatWasServed() {
        pulse(0);
        pulse(3);
        assertThat(pic.acknowledge()).isEqualTo(0x30);
        board.out(0x20, 0xA0); // rotate on non-specific EOI: 0 is the last now
        pulse(0);
        assertThat(pic.acknowledge()).isEqualTo(0x33);
        board.out(0x20, 0xE3); // rotate on specific EOI of 3
        pulse(4);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        board.out(0x20, 0xC7); // set priority: 7 is the last
        board.out(0x20, 0x64);
        assertThat(pic.acknowledge()).isEqualTo(0x30);
    }

    @Test
    void automaticEoiCanRotate() {
        write(0x20, 0x11, 0x21, 0x30, 0x21, 0x04, 0x21, 0x03, 0x21, 0x00);
        board.out(0x20, 0x80);
        pulse(1);
        assertThat(pic.acknowledge()).isEqualTo(0x31);
        pulse(0);
        pulse(3);
        assertThat(pic.acknowledge()).isEqualTo(0x33);
        board.out(0x20, 0x00);
        assertThat(pic.acknowledge()).isEqualTo(0x30);
    }

    @Test
    void theSpecialMaskModeLetsLowerOnesThrough() {
        pulse(1);
        assertThat(pic.acknowledge()).isEqualTo(0x31);
        pulse(6);
        assertThat(pic.output()).isFalse();
        board.out(0x21, 0x02);
        board.out(0x20, 0x68);
        assertThat(pic.acknowledge()).isEqualTo(0x36);
        board.out(0x20, 0x20); // does not end the masked one
        board.out(0x20, 0x0B);
        assertThat(board.in(0x20)).isEqualTo(0x02);
    }

    @Test
    void aPollIsAnAcknowledge() {
        board.out(0x20, 0x0C);
        assertThat(board.in(0x20)).isZero();
        pulse(5);
        board.out(0x20, 0x0C);
        assertThat(board.in(0x20)).isEqualTo(0x85);
        board.out(0x20, 0x0B);
        assertThat(board.in(0x20)).isEqualTo(0x20);
        assertThat(pic.output()).isFalse();
    }

    /** Command and mask by one OUT of a word. */
    @Test
    void aWordIsTwoBytes() {
        board.out(0x20, 2, 0x5520);
        assertThat(board.in(0x21)).isEqualTo(0x55);
        assertThat(board.in(0x20, 2)).isEqualTo(0x5500);
    }

    private void write(int... portsAndValues) {
        for (int i = 0; i < portsAndValues.length; i += 2) {
            board.out(portsAndValues[i], portsAndValues[i + 1]);
        }
    }
}
