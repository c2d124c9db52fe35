// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.StateSection;
import dev.faultline.testkit.TestBoard;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LocalApicTest {
    private static final long BASE = LocalApic.BASE_GPA;
    private final TestBoard board = new TestBoard();
    private final ApicBus bus = new ApicBus(board, board, new Object(), 2);
    private final LocalApic apic = bus.apic(0);

    @BeforeEach
    void enable() {
        write(LocalApic.SVR, LocalApic.SVR_ENABLE | 0xFF);
        board.vcpu = 1;
        write(LocalApic.SVR, LocalApic.SVR_ENABLE | 0xFF);
        board.vcpu = 0;
        board.events.clear();
    }

    private int read(int register) {
        return board.read32(BASE + register);
    }

    private void write(int register, int value) {
        board.write32(BASE + register, value);
    }

    private void self(int vector) {
        write(LocalApic.ICR_LOW, 0x4_4000 | vector);
    }

    @Test
    void eachVcpuSeesItsOwn() {
        assertThat(read(LocalApic.ID)).isZero();
        board.vcpu = 1;
        assertThat(read(LocalApic.ID)).isEqualTo(1 << 24);
        assertThat(read(LocalApic.VERSION)).isEqualTo(0x50014);
    }

    @Test
    void aFixedInterruptIsTakenServedAndEnded() {
        self(0x41);
        assertThat(apic.pending()).isTrue();
        assertThat(board.events).contains("interrupt 0");
        assertThat(read(LocalApic.IRR + 0x20)).isEqualTo(2);
        assertThat(apic.acknowledge()).isEqualTo(0x41);
        assertThat(read(LocalApic.ISR + 0x20)).isEqualTo(2);
        assertThat(read(LocalApic.PPR)).isEqualTo(0x40);
        assertThat(apic.pending()).isFalse();
        write(LocalApic.EOI, 0);
        assertThat(read(LocalApic.ISR + 0x20)).isZero();
        assertThat(apic.acknowledge()).isEqualTo(-1);
    }

    @Test
    void priorityClassesNest() {
        self(0x41);
        apic.acknowledge();
        self(0x4F);
        assertThat(apic.pending()).isFalse();
        self(0x51);
        assertThat(apic.acknowledge()).isEqualTo(0x51);
        write(LocalApic.EOI, 0);
        write(LocalApic.EOI, 0);
        assertThat(apic.acknowledge()).isEqualTo(0x4F);
    }

    @Test
    void taskPriorityHoldsBack() {
        apic.taskPriority(5);
        assertThat(read(LocalApic.TPR)).isEqualTo(0x50);
        self(0x51);
        assertThat(apic.pending()).isFalse();
        apic.taskPriority(4);
        assertThat(apic.pending()).isTrue();
    }

    @Test
    void oneShotTimerFiresOnce() {
        write(LocalApic.LVT_TIMER, 0x60);
        write(LocalApic.DIVIDE, 0xB); // by 1
        write(LocalApic.INITIAL_COUNT, 1_000_000);
        board.advance(400_000);
        assertThat(read(LocalApic.CURRENT_COUNT)).isEqualTo(600_000);
        board.advance(600_000);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        assertThat(read(LocalApic.CURRENT_COUNT)).isZero();
        write(LocalApic.EOI, 0);
        write(LocalApic.LVT_TIMER, 0x61); // must not fire again
        board.advance(10_000_000);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void periodicTimerFiresOnAndOn() {
        write(LocalApic.LVT_TIMER, 0x2_0060);
        write(LocalApic.DIVIDE, 0x3); // by 16
        write(LocalApic.INITIAL_COUNT, 62_500); // 1 ms
        int fired = 0;
        for (int i = 0; i < 10; i++) {
            board.advance(1_000_000);
            fired += apic.acknowledge() == 0x60 ? 1 : 0;
            write(LocalApic.EOI, 0);
        }
        assertThat(fired).isEqualTo(10);
        write(LocalApic.INITIAL_COUNT, 0);
        board.advance(5_000_000);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void aMaskedTimerRunsSilently() {
        write(LocalApic.LVT_TIMER, 0x1_0060);
        write(LocalApic.DIVIDE, 0xB);
        write(LocalApic.INITIAL_COUNT, 1000);
        board.advance(2000);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void tscDeadlineFiresAndDisarms() {
        write(LocalApic.LVT_TIMER, 0x4_0060);
        apic.tscDeadline(5000);
        assertThat(apic.tscDeadline()).isEqualTo(5000);
        board.advance(4999);
        assertThat(apic.pending()).isFalse();
        board.advance(1);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        assertThat(apic.tscDeadline()).isZero();
        apic.tscDeadline(1); // long past: at once
        board.advance(0);
        write(LocalApic.EOI, 0);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
    }

    @Test
    void messagesReachOtherApics() {
        write(LocalApic.ICR_HIGH, 1 << 24);
        write(LocalApic.ICR_LOW, 0x4033);
        assertThat(bus.apic(1).acknowledge()).isEqualTo(0x33);
        write(LocalApic.ICR_LOW, 0x4400); // NMI
        assertThat(bus.apic(1).nmiPending()).isTrue();
        bus.apic(1).takeNmi();
        assertThat(bus.apic(1).nmiPending()).isFalse();
        write(LocalApic.ICR_LOW, 0xC500); // INIT
        write(LocalApic.ICR_LOW, 0x8500); // de-assert: nothing
        write(LocalApic.ICR_LOW, 0x4608); // SIPI
        assertThat(board.events)
                .filteredOn(e -> !e.startsWith("interrupt"))
                .containsExactly("init 1", "startup 1 8");
        write(LocalApic.ICR_LOW, 0xC_4044); // all but self
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void logicalDestinations() {
        write(LocalApic.LDR, 1 << 24);
        assertThat(bus.message(1, true, LocalApic.DELIVERY_FIXED, 0x40, false)).isTrue();
        assertThat(apic.acknowledge()).isEqualTo(0x40);
        assertThat(bus.message(2, true, LocalApic.DELIVERY_FIXED, 0x40, false)).isFalse();
    }

    @Test
    void thePicComesThroughLint0UntilItIsMasked() {
        boolean[] intr = {true};
        bus.connectPic(() -> intr[0], () -> 0x30);
        bus.picChanged(true);
        assertThat(apic.pending()).isTrue();
        assertThat(apic.acknowledge()).isEqualTo(0x30);
        write(LocalApic.LVT_LINT0, 0x1_0700);
        assertThat(apic.pending()).isFalse();
        write(LocalApic.LVT_LINT0, 0x700);
        assertThat(apic.pending()).isTrue();
    }

    @Test
    void aSoftwareDisabledApicKeepsItsEntriesMasked() {
        write(LocalApic.SVR, 0xFF);
        write(LocalApic.LVT_TIMER, 0x60);
        assertThat(read(LocalApic.LVT_TIMER)).isEqualTo(0x1_0060);
        self(0x41);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void badVectorsAndRegistersAreReported() {
        self(3);
        read(0x3F0);
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR))
                .isEqualTo(
                        LocalApic.ESR_SEND_ILLEGAL
                                | LocalApic.ESR_RECEIVED_ILLEGAL
                                | LocalApic.ESR_ILLEGAL_REGISTER);
    }

    @Test
    void theBaseCannotBeMoved() {
        assertThat(apic.apicBase()).isEqualTo(0xFEE0_0900L);
        assertThat(apic.apicBase(0xFEC0_0900L)).isFalse();
        assertThat(apic.apicBase(0xFEE0_0D00L)).isFalse(); // x2APIC
        assertThat(apic.apicBase(0xFEE0_0100L)).isTrue();
        self(0x41);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void stateComesBackWithItsTimer() {
        write(LocalApic.LVT_TIMER, 0x60);
        write(LocalApic.DIVIDE, 0xB);
        write(LocalApic.INITIAL_COUNT, 1_000_000);
        self(0x41);
        apic.acknowledge();
        board.advance(400_000);
        StateSection saved = TestBoard.saved(apic);
        TestBoard other = new TestBoard();
        other.set(board.nanos());
        LocalApic copy = new ApicBus(other, other, new Object(), 1).apic(0);
        copy.load(saved);
        assertThat(TestBoard.saved(copy)).isEqualTo(saved);
        other.advance(599_999);
        assertThat(copy.pending()).isFalse();
        other.advance(1);
        assertThat(copy.acknowledge()).isEqualTo(0x60);
    }

    @Test
    void aSenderOfABadVectorLogsItAndItsReceiverToo() {
        write(LocalApic.ICR_HIGH, 1 << 24);
        write(LocalApic.ICR_LOW, 0x4000 | 0xF);
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR)).isEqualTo(LocalApic.ESR_SEND_ILLEGAL);
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR)).isZero();
        board.vcpu = 1;
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR)).isEqualTo(LocalApic.ESR_RECEIVED_ILLEGAL);
    }

    /** Messages that carry no vector may have any in their field. */
    @Test
    void anNmiWithoutAVectorIsNoError() {
        write(LocalApic.ICR_HIGH, 1 << 24);
        write(LocalApic.ICR_LOW, 0x4000 | LocalApic.DELIVERY_NMI << 8);
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR)).isZero();
        assertThat(bus.apic(1).nmiPending()).isTrue();
    }

    @Test
    void anErrorInterruptsOnceUntilTheStatusIsWritten() {
        write(LocalApic.LVT_ERROR, 0x51);
        read(0x3F0);
        assertThat(apic.acknowledge()).isEqualTo(0x51);
        write(LocalApic.EOI, 0);
        read(0x3F0);
        assertThat(apic.pending()).isFalse();
        write(LocalApic.ESR, 0);
        read(0x3F0);
        assertThat(apic.acknowledge()).isEqualTo(0x51);
    }

    @Test
    void anEntryWithABadVectorIsReportedWhenItInterrupts() {
        write(LocalApic.LVT_TIMER, 0x0F);
        write(LocalApic.DIVIDE, 0xB);
        write(LocalApic.INITIAL_COUNT, 1000);
        board.advance(1000);
        assertThat(apic.pending()).isFalse();
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR)).isEqualTo(LocalApic.ESR_RECEIVED_ILLEGAL);
    }

    @Test
    void registersThatAreReadOnlyOrWriteOnlyAreNoErrors() {
        for (int r : new int[] {LocalApic.VERSION, LocalApic.ISR, LocalApic.TMR + 0x70}) {
            write(r, -1);
            assertThat(read(r)).isEqualTo(r == LocalApic.VERSION ? LocalApic.VERSION_VALUE : 0);
        }
        assertThat(read(LocalApic.EOI)).isZero();
        write(LocalApic.ESR, 0);
        assertThat(read(LocalApic.ESR)).isZero();
    }

    /** SDM 3A, "Enabling or Disabling the Local APIC": its page is memory like any other then. */
    @Test
    void aSwitchedOffApicAnswersNobody() {
        assertThat(apic.apicBase(LocalApic.BASE_GPA | LocalApic.BASE_BSP)).isTrue();
        assertThat(read(LocalApic.VERSION)).isEqualTo(-1);
        write(LocalApic.SVR, 0x1FF);
        board.vcpu = 1;
        assertThat(read(LocalApic.VERSION)).isEqualTo(LocalApic.VERSION_VALUE);
        write(LocalApic.ICR_LOW, 0x4000 | LocalApic.DELIVERY_NMI << 8);
        assertThat(apic.nmiPending()).isFalse();
        board.vcpu = 0;
        apic.apicBase(LocalApic.BASE_GPA | LocalApic.BASE_BSP | LocalApic.BASE_ENABLE);
        assertThat(read(LocalApic.SVR)).isEqualTo(0xFF);
    }

    @Test
    void lowestPriorityToAllButSelfIsTakenByOne() {
        write(LocalApic.ICR_LOW, 0xC_4000 | LocalApic.DELIVERY_LOWEST << 8 | 0x41);
        assertThat(apic.pending()).isFalse();
        assertThat(bus.apic(1).acknowledge()).isEqualTo(0x41);
        write(LocalApic.ICR_LOW, 0x8_4000 | LocalApic.DELIVERY_LOWEST << 8 | 0x42);
        assertThat(apic.pending()).isTrue();
    }

    // ---- timer

    private void timer(int mode, int count) {
        write(LocalApic.DIVIDE, 0xB); // by 1: counts of 1 ns
        write(LocalApic.LVT_TIMER, mode << 17 | 0x60);
        write(LocalApic.INITIAL_COUNT, count);
    }

    @Test
    void aPeriodicCountThatBecomesAOneShotGoesOnToItsEnd() {
        timer(ApicTimer.PERIODIC, 1_000_000);
        board.advance(3_300_000);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        write(LocalApic.EOI, 0);
        write(LocalApic.LVT_TIMER, 0x61);
        assertThat(read(LocalApic.CURRENT_COUNT)).isEqualTo(700_000);
        board.advance(699_999);
        assertThat(apic.pending()).isFalse();
        board.advance(1);
        assertThat(apic.acknowledge()).isEqualTo(0x61);
        write(LocalApic.EOI, 0);
        board.advance(10_000_000);
        assertThat(apic.pending()).isFalse();
        assertThat(read(LocalApic.CURRENT_COUNT)).isZero();
    }

    @Test
    void aOneShotThatHasEndedDoesNotBeginAgainByItself() {
        timer(ApicTimer.ONE_SHOT, 1_000_000);
        board.advance(1_000_000);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        write(LocalApic.EOI, 0);
        write(LocalApic.LVT_TIMER, ApicTimer.PERIODIC << 17 | 0x60);
        write(LocalApic.DIVIDE, 3);
        board.advance(100_000_000);
        assertThat(apic.pending()).isFalse();
        write(LocalApic.INITIAL_COUNT, 1_000_000);
        board.advance(16_000_000);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
    }

    @Test
    void anInitialCountOfZeroStopsTheTimer() {
        timer(ApicTimer.PERIODIC, 1_000_000);
        board.advance(500_000);
        write(LocalApic.INITIAL_COUNT, 0);
        assertThat(read(LocalApic.CURRENT_COUNT)).isZero();
        board.advance(100_000_000);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void aNewDividerLeavesTheCountWhereItIs() {
        timer(ApicTimer.ONE_SHOT, 1_000_000);
        board.advance(400_000);
        write(LocalApic.DIVIDE, 0); // by 2
        assertThat(read(LocalApic.CURRENT_COUNT)).isEqualTo(600_000);
        board.advance(1_199_999);
        assertThat(apic.pending()).isFalse();
        board.advance(1);
        assertThat(apic.pending()).isTrue();
    }

    @Test
    void aMaskedTimerCountsAndDoesNotInterruptLater() {
        timer(ApicTimer.ONE_SHOT, 1_000_000);
        write(LocalApic.LVT_TIMER, Lvt.MASKED | 0x60);
        board.advance(400_000);
        assertThat(read(LocalApic.CURRENT_COUNT)).isEqualTo(600_000);
        board.advance(600_000);
        write(LocalApic.LVT_TIMER, 0x60);
        board.advance(1_000_000);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void theLatestDeadlineIsNotThePast() {
        write(LocalApic.LVT_TIMER, ApicTimer.TSC_DEADLINE << 17 | 0x60);
        apic.tscDeadline(-1);
        board.advance(1_000_000_000);
        assertThat(apic.pending()).isFalse();
        assertThat(apic.tscDeadline()).isEqualTo(-1);
        apic.tscDeadline(board.nanos() + 1000);
        board.advance(1000);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        assertThat(apic.tscDeadline()).isZero();
    }

    /** As WRMSR to the counter does: the deadline that there is, once more. */
    @Test
    void aCounterThatIsMovedMovesItsDeadline() {
        write(LocalApic.LVT_TIMER, ApicTimer.TSC_DEADLINE << 17 | 0x60);
        board.set(1_000_000);
        apic.tscDeadline(2_000_000);
        board.tscOffset = -500_000;
        apic.tscDeadline(apic.tscDeadline());
        board.advance(1_499_999);
        assertThat(apic.pending()).isFalse();
        board.advance(1);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        write(LocalApic.EOI, 0);
        apic.tscDeadline(10_000_000);
        board.tscOffset = 9_000_000;
        apic.tscDeadline(apic.tscDeadline());
        assertThat(apic.acknowledge()).isEqualTo(0x60);
    }

    /** The host's alarm has not come yet. */
    @Test
    void whatIsDueHasHappenedBeforeALook() {
        timer(ApicTimer.ONE_SHOT, 1000);
        board.set(board.nanos() + 1000);
        assertThat(read(LocalApic.IRR + 0x30)).isEqualTo(1);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        board.advance(1000);
        assertThat(apic.pending()).isFalse();
    }
}
