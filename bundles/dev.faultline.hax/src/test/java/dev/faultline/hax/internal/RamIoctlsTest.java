// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxOp;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What was observed of the reference, through the ioctls; addresses have nothing behind them,
 * because nothing here touches guest memory.
 */
class RamIoctlsTest {
    private static final long A = 0x1000_0000L;
    private static final long B = 0x2000_0000L;
    private static final long SIZE = 0x40_0000;

    private Client c = Client.linux();

    @AfterEach
    void close() {
        c.close();
    }

    private void strict() {
        c.close();
        c = Client.strict();
    }

    private void blocks() {
        assertThat(c.addBlock(A, SIZE)).isZero();
        assertThat(c.addBlock(B, SIZE)).isZero();
    }

    private void bitmapSetup() {
        assertThat(c.addBlock(A, 0x80_0000)).isZero();
        assertThat(c.set(0, 0x800, 0, A)).isZero();
    }

    // ---- rights

    @Test
    void nothingCanBeProtectedBeforeTheFirstMapping() {
        assertThat(c.addBlock(A, 0x80_0000)).isZero();
        assertThat(c.protect(0, 0x1000, 0)).isEqualTo(EINVAL);
    }

    @Test
    void sizeZeroIsRefused() {
        bitmapSetup();
        assertThat(c.protect(0, 0, 0)).isEqualTo(EINVAL);
    }

    @Test
    void anySubsetOfTheRightsButNoUnknownBits() {
        bitmapSetup();
        assertThat(c.protect(0, 0x1000, 3)).isZero();
        assertThat(c.driver.vm(0).protection.rightsOf(0)).isEqualTo(3);
        assertThat(c.protect(0x1000, 0x1000, 8)).isEqualTo(EINVAL);
        assertThat(c.protect(0x1000, 0x1000, 0xF)).isEqualTo(EINVAL);
        assertThat(c.isProtected(1)).isFalse();
    }

    @Test
    void strictModeKnowsAllOrNothingAndIgnoresUnknownBits() {
        strict();
        bitmapSetup();
        assertThat(c.protect(0, 0x1000, 3)).isEqualTo(EINVAL);
        assertThat(c.protect(0, 0x1000, 8)).isZero();
        assertThat(c.isProtected(0)).isTrue();
        assertThat(c.protect(0, 0x1000, 0xF)).isZero();
        assertThat(c.isProtected(0)).isFalse();
    }

    @Test
    void reservedFieldsMustBeZero() {
        bitmapSetup();
        assertThat(
                        c.ioctl(
                                c.vm,
                                HaxOp.PROTECT_RAM,
                                Client.buffer(24).putLong(8, 0x1000).putInt(20, 1)))
                .isEqualTo(EINVAL);
        assertThat(
                        c.ioctl(
                                c.vm,
                                HaxOp.ADD_RAMBLOCK,
                                Client.buffer(24).putLong(0, B).putLong(8, SIZE).putLong(16, 1)))
                .isEqualTo(EINVAL);
        assertThat(
                        c.ioctl(
                                c.vm,
                                HaxOp.SET_RAM2,
                                Client.buffer(40).putLong(8, 0x1000).putLong(16, A).putInt(28, 1)))
                .isEqualTo(EINVAL);
        assertThat(c.isProtected(0)).isFalse();
    }

    @Test
    void theEndOfTheMappedSpaceIsExact() {
        bitmapSetup();
        assertThat(c.protect(0x7F_F000, 0x1000, 0)).isZero();
        assertThat(c.protect(0x7F_F000, 0x1001, 0)).isEqualTo(EINVAL);
        assertThat(c.protect(0x80_0000, 0x1000, 0)).isEqualTo(EINVAL);
        assertThat(c.protect(0x7F_FFFF, 1, PERM_RWX)).isZero();
        assertThat(c.isProtected(0x7FF)).isFalse();
    }

    @Test
    void rangesRoundOutward() {
        bitmapSetup();
        assertThat(c.protect(0xFFF, 2, 0)).isZero();
        assertThat(c.isProtected(0)).isTrue();
        assertThat(c.isProtected(1)).isTrue();
        assertThat(c.isProtected(2)).isFalse();
    }

    @Test
    void wrappingRangesAreRefused() {
        bitmapSetup();
        assertThat(c.protect(-0x1000, 0x1000, 0)).isEqualTo(EINVAL);
        assertThat(c.protect(-0x1000, 0x2000, 0)).isEqualTo(EINVAL);
        assertThat(c.protect(0x1000, -1, 0)).isEqualTo(EINVAL);
        assertThat(c.driver.vm(0).protection.userLayer().restrictedPages()).isZero();
    }

    @Test
    void rightsEndWithTheMapping() {
        bitmapSetup();
        assertThat(c.protect(0x1000, 0x1000, 0)).isZero();
        assertThat(c.set(1, 1, RAM_INVALID, 0)).isZero();
        assertThat(c.set(1, 1, 0, A + 0x1000)).isZero();
        assertThat(c.isProtected(1)).isFalse();
    }

    @Test
    void pagesFarBeyond2To31HaveRightsToo() {
        blocks();
        long gfn = (1L << Vm.PHYSICAL_ADDRESS_BITS - 12) - 2;
        assertThat(c.set(gfn, 2, 0, A)).isZero();
        assertThat(c.protect(gfn << 12, 0x1000, 0)).isZero();
        assertThat(c.isProtected(gfn)).isTrue();
        assertThat(c.isProtected(gfn + 1)).isFalse();
        assertThat(c.isProtected(gfn & 0x7FFF_FFFF)).isFalse();
        assertThat(c.driver.vm(0).protection.storageBytes()).isLessThan(1 << 20);
    }

    @Test
    void protectedAliasesAreIndependent() {
        blocks();
        c.set(0, 0x10, 0, A);
        c.set(0x100, 0x10, 0, A);
        c.protect(0x3000, 0x1000, 0);
        assertThat(c.isProtected(3)).isTrue();
        assertThat(c.isProtected(0x103)).isFalse();
    }

    // ---- blocks

    @Test
    void badBlocksAreRefused() {
        assertThat(c.addBlock(0, SIZE)).isEqualTo(EINVAL);
        assertThat(c.addBlock(A, 0)).isEqualTo(EINVAL);
        assertThat(c.addBlock(A + 0x800, SIZE)).isEqualTo(EINVAL);
        assertThat(c.addBlock(A, 0x20_0800)).isEqualTo(EINVAL);
        assertThat(c.addBlock(Long.MAX_VALUE & -PAGE, SIZE)).isEqualTo(EINVAL);
        assertThat(c.addBlock(A, SIZE)).isZero();
        assertThat(c.addBlock(A + SIZE - 0x1000, SIZE)).isEqualTo(EINVAL);
        assertThat(c.blocks()).isEqualTo(1);
    }

    @Test
    void allocRamIsTheSameWith32Bits() {
        assertThat(
                        c.ioctl(
                                c.vm,
                                HaxOp.ALLOC_RAM,
                                Client.buffer(16).putInt(0, 0x8000_0000).putLong(8, A)))
                .isZero();
        assertThat(c.set(0, 0x8_0000, 0, A)).isZero();
        assertThat(c.slots()).containsExactly("0,80000 10000000");
    }

    // ---- slots

    @Test
    void setRamIsTheSameWith32Bits() {
        blocks();
        assertThat(
                        c.ioctl(
                                c.vm,
                                HaxOp.SET_RAM,
                                Client.buffer(24)
                                        .putLong(0, 0x4_0000)
                                        .putInt(8, 0x1_0000)
                                        .put(12, (byte) RAM_ROM)
                                        .putLong(16, A)))
                .isZero();
        assertThat(c.slots()).containsExactly("40,10 10000000 ROM");
    }

    @Test
    void flagsAndAddressesMustFitTogether() {
        blocks();
        assertThat(c.set(0, 1, RAM_INVALID | RAM_ROM, 0)).isEqualTo(EINVAL);
        assertThat(c.set(0, 1, RAM_INVALID, A)).isEqualTo(EINVAL);
        assertThat(c.set(0, 1, 0, 0)).isEqualTo(EINVAL);
        assertThat(c.set(0, 0, 0, A)).isEqualTo(EINVAL);
        assertThat(c.setRam(0, 0x800, 0, A)).isEqualTo(EINVAL);
        assertThat(c.set(0, 1, 0, A - 0x1000)).isEqualTo(EINVAL);
        assertThat(c.set(0, 1, 2, A)).isEqualTo(EINVAL);
        assertThat(c.setRam(0x800, 0x1000, 0, A)).isEqualTo(EINVAL);
        assertThat(c.slots()).isEmpty();
    }

    @Test
    void strictModeTruncatesToPagesAndKeepsUnknownFlags() {
        strict();
        blocks();
        assertThat(c.setRam(0x1800, 0x1FFF, 2, A)).isZero();
        assertThat(c.slots()).containsExactly("1,1 10000000");
        assertThat(c.setRam(0, 0xFFF, 0, A)).isEqualTo(EINVAL);
    }

    @Test
    void slotsPastTheirBlockAreRefused() {
        blocks();
        assertThat(c.set(0, 0x401, 0, A)).isEqualTo(EINVAL);
        assertThat(c.set(0, 2, 0, A + SIZE - 0x1000)).isEqualTo(EINVAL);
        assertThat(c.slots()).isEmpty();
    }

    @Test
    void unmappingGrowsNothing() {
        assertThat(c.set(0x7FFF_FFFEL, 1, RAM_INVALID, 0)).isZero();
        assertThat(c.set(0x7FFF_FFFFL, 1, RAM_INVALID, 0)).isZero();
        assertThat(c.protect(0, 0x1000, 0)).isEqualTo(EINVAL);
        assertThat(c.driver.vm(0).protection.storageBytes()).isLessThan(0x1_0000);
    }

    @Test
    void strictModeRefusesWhatTheReferencesBitmapCannotCover() {
        strict();
        assertThat(c.set(0x7FFF_FFFFL, 1, RAM_INVALID, 0)).isEqualTo(EINVAL);
        assertThat(c.set(0x7FFF_FFFEL, 1, RAM_INVALID, 0)).isZero();
    }

    @Test
    void addressesBeyondThePhysicalWidthAreRefused() {
        blocks();
        assertThat(c.setRam(1L << Vm.PHYSICAL_ADDRESS_BITS, 0x1000, 0, A)).isEqualTo(EINVAL);
        assertThat(c.setRam((1L << Vm.PHYSICAL_ADDRESS_BITS) - 0x1000, 0x1000, 0, A)).isZero();
    }

    @Test
    void romSplitsRamAndRamHealsIt() {
        blocks();
        c.set(0, 0x100, 0, A);
        c.set(0x40, 0x10, RAM_ROM, A + 0x4_0000);
        assertThat(c.slots())
                .containsExactly("0,40 10000000", "40,10 10040000 ROM", "50,b0 10050000");
        c.set(0x40, 0x10, 0, A + 0x4_0000);
        assertThat(c.slots()).containsExactly("0,100 10000000");
    }

    @Test
    void anotherLinearRelationIsNotMerged() {
        blocks();
        c.set(0x10, 0x10, 0, A);
        c.set(8, 0x10, 0, B);
        assertThat(c.slots()).containsExactly("8,10 20000000", "18,8 10008000");
        c.set(0x18, 0x10, 0, B + 0x2_0000);
        assertThat(c.slots()).containsExactly("8,10 20000000", "18,10 20020000");
    }

    @Test
    void unmappingSplitsAndEmpties() {
        blocks();
        c.set(0, 0x100, 0, A);
        c.set(0x40, 0x10, RAM_INVALID, 0);
        assertThat(c.slots()).containsExactly("0,40 10000000", "50,b0 10050000");
        c.set(0, 0x100, RAM_INVALID, 0);
        assertThat(c.slots()).isEmpty();
        assertThat(c.blocks()).isEqualTo(2);
    }

    @Test
    void bridgingTwoNeighboursCoalesces() {
        blocks();
        c.set(0, 0x10, 0, A);
        c.set(0x20, 0x10, 0, A + 0x2_0000);
        c.set(0x10, 0x10, 0, A + 0x1_0000);
        assertThat(c.slots()).containsExactly("0,30 10000000");
    }

    @Test
    void aMappingOverManySlotsReplacesThem() {
        blocks();
        c.set(0, 0x10, 0, A);
        c.set(0x20, 0x10, RAM_ROM, A + 0x2_0000);
        c.set(0x40, 0x10, 0, A + 0x4_0000);
        c.set(8, 0x40, 0, B);
        assertThat(c.slots()).containsExactly("0,8 10000000", "8,40 20000000", "48,8 10048000");
    }

    @Test
    void remappingTakesTheNewBacking() {
        blocks();
        c.set(0, 0x100, 0, A);
        c.set(0, 0x100, 0, B);
        assertThat(c.slots()).containsExactly("0,100 20000000");
    }

    // ---- stand-alone

    @Test
    void aStandAloneMappingBringsItsBlock() {
        assertThat(c.set(0, 0x10, RAM_STANDALONE, A)).isZero();
        assertThat(c.set(0x20, 0x10, RAM_STANDALONE, A)).isEqualTo(EINVAL);
        assertThat(c.slots()).containsExactly("0,10 10000000");
        c.set(0, 0x10, RAM_INVALID, 0);
        assertThat(c.blocks()).isZero();
        assertThat(c.set(0x20, 0x10, RAM_STANDALONE, A)).isZero();
    }

    @Test
    void aHoleInAStandAloneMappingHealsToOneSlot() {
        c.set(0x100, 0x10, RAM_STANDALONE, A);
        c.set(0x108, 8, RAM_INVALID, 0);
        assertThat(c.set(0x108, 8, 0, A + 0x8000)).isZero();
        assertThat(c.slots()).containsExactly("100,10 10000000");
    }

    @Test
    void aPlainSlotKeepsAStandAloneBlock() {
        c.set(0, 0x10, RAM_STANDALONE, A);
        assertThat(c.set(0x100, 8, 0, A)).isZero();
        c.set(0, 0x10, RAM_INVALID, 0);
        assertThat(c.blocks()).isEqualTo(1);
        c.set(0x100, 8, RAM_INVALID, 0);
        assertThat(c.blocks()).isZero();
    }

    @Test
    void aStandAloneBlockGoesWhenItIsMappedOver() {
        blocks();
        c.set(0, 0x10, RAM_STANDALONE | RAM_ROM, 0x3000_0000L);
        assertThat(c.slots()).containsExactly("0,10 30000000 ROM");
        c.set(0, 0x20, 0, A);
        assertThat(c.blocks()).isEqualTo(2);
    }

    @Test
    void aStandAloneMappingThatFailsLeavesNoBlock() {
        assertThat(c.setRam(1L << Vm.PHYSICAL_ADDRESS_BITS, 0x1000, RAM_STANDALONE, A))
                .isEqualTo(EINVAL);
        assertThat(c.blocks()).isZero();
    }
}
