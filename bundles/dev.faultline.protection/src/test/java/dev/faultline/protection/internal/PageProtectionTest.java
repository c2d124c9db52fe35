// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import static dev.faultline.api.protection.Rights.NONE;
import static dev.faultline.api.protection.Rights.R;
import static dev.faultline.api.protection.Rights.RW;
import static dev.faultline.api.protection.Rights.RWX;
import static dev.faultline.api.protection.Rights.RX;
import static dev.faultline.api.protection.Rights.W;
import static dev.faultline.api.protection.Rights.X;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RestrictedRange;
import dev.faultline.testkit.memory.FakeBlock;
import dev.faultline.testkit.memory.FakeMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PageProtectionTest {
    private static final long MIB = 1L << 20;

    private final FakeMemory memory = FakeMemory.hollow(8 * MIB);
    private final PageProtection protection = new PageProtection(memory);
    private final ProtectionLayer user = protection.userLayer();
    private final List<String> told = new ArrayList<>();

    @BeforeEach
    void listen() {
        protection.addListener((gpa, size) -> told.add("%x+%x".formatted(gpa, size)));
    }

    private int rights(long gfn) {
        return protection.rightsOf(gfn);
    }

    /**
     * The reference's vectors "Bitmap/ioctl" with the corrected results: 8 MiB of RAM from gpa 0.
     */
    @Nested
    class GoldenVectors {
        @Test
        void nothingCanBeProtectedBeforeTheFirstMapping() {
            PageProtection empty = new PageProtection(new FakeMemory(46));
            assertThatThrownBy(() -> empty.userLayer().protect(0, 0x1000, NONE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("past the highest page ever mapped");
        }

        @Test
        void sizeZeroIsRejected() {
            assertThatThrownBy(() -> user.protect(0x3000, 0, NONE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("size 0")
                    .hasMessageContaining("0x3000");
        }

        @ParameterizedTest
        @ValueSource(ints = {8, 15, -1, 0x40000000})
        void unknownRightsAreRejected(int rights) {
            assertThatThrownBy(() -> user.protect(0, 0x1000, rights))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(Integer.toHexString(rights));
            assertThatThrownBy(() -> user.protectPage(0, rights))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(rights(0)).isEqualTo(RWX);
        }

        @Test
        void lastPageIsAllowedAndTheNextIsNot() {
            user.protect(0x7ff000, 0x1000, NONE);
            assertThat(rights(0x7ff)).isEqualTo(NONE);
            assertThatThrownBy(() -> user.protect(0x7fe000, 0x2001, R))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> user.protect(0x800000, 0x1000, R))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> user.protectPage(0x800, R))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(rights(0x7fe)).isEqualTo(RWX);
            assertThat(rights(0x7ff)).isEqualTo(NONE);
        }

        @Test
        void oneByteOpensItsPage() {
            user.protect(0, 8 * MIB, NONE);
            user.protect(0x7fffff, 1, RWX);
            assertThat(rights(0x7ff)).isEqualTo(RWX);
            assertThat(rights(0x7fe)).isEqualTo(NONE);
        }

        @Test
        void rangeRoundsOutward() {
            user.protect(0xfff, 2, NONE);
            assertThat(rights(0)).isEqualTo(NONE);
            assertThat(rights(1)).isEqualTo(NONE);
            assertThat(rights(2)).isEqualTo(RWX);
        }

        @ParameterizedTest
        @ValueSource(longs = {0x1000, 0x2000, 0xfffffffffffff001L, -1})
        void rangesAtTheEndOfSpaceAreRejected(long size) {
            assertThatThrownBy(() -> user.protect(0xfffffffffffff000L, size, NONE))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(user.restrictedPages()).isZero();
        }

        @Test
        void wrappingRangeIsRejectedWithItsValues() {
            assertThatThrownBy(() -> user.protect(0x1000, 0xffffffffffffffffL, NONE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("wraps")
                    .hasMessageContaining("0xffffffffffffffff");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
    void everySubsetOfRightsIsKeptPerPage(int rights) {
        user.protectPage(100, rights);
        user.protect(0x200000, 0x200000, rights);
        assertThat(rights(99)).isEqualTo(RWX);
        assertThat(rights(100)).isEqualTo(rights);
        assertThat(rights(101)).isEqualTo(RWX);
        assertThat(rights(0x1ff)).isEqualTo(RWX);
        assertThat(rights(0x200)).isEqualTo(rights);
        assertThat(rights(0x3ff)).isEqualTo(rights);
        assertThat(rights(0x400)).isEqualTo(RWX);
        assertThat(user.rightsOf(0x64)).isEqualTo(rights);
    }

    @Test
    void gfnsNeverMappedAnswerRwx() {
        user.protect(0, 8 * MIB, NONE);
        assertThat(rights(0x800)).isEqualTo(RWX);
        assertThat(rights(1L << 51)).isEqualTo(RWX);
        assertThat(rights(-1)).isEqualTo(RWX);
    }

    @Nested
    class Layers {
        @Test
        void effectiveRightIsTheIntersection() {
            ProtectionLayer dirty = protection.addLayer("dirty", null);
            user.protectPage(5, RW);
            dirty.protectPage(5, RX);
            assertThat(rights(5)).isEqualTo(R);
            assertThat(protection.forbiddingLayers(5, R)).isZero();
            assertThat(protection.forbiddingLayers(5, W)).isEqualTo(0b10);
            assertThat(protection.forbiddingLayers(5, X)).isEqualTo(0b01);
            user.protectPage(5, RWX);
            assertThat(rights(5)).isEqualTo(RX);
        }

        @Test
        void closingOneEndsItsRestrictionsOnly() {
            ProtectionLayer a = protection.addLayer("a", null);
            ProtectionLayer b = protection.addLayer("b", null);
            a.protectPage(1, NONE);
            b.protectPage(1, RX);
            a.close();
            a.close();
            assertThat(rights(1)).isEqualTo(RX);
            assertThat(protection.layers()).containsExactly(user, b);
            assertThat(a.restrictedPages()).isZero();
            assertThatThrownBy(() -> a.protectPage(1, NONE))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("\"a\" is withdrawn");
            assertThat(protection.addLayer("a", null).rightsOf(1)).isEqualTo(RWX);
        }

        @Test
        void namesAreUniqueAndNotBlank() {
            assertThatThrownBy(() -> protection.addLayer("user", null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("\"user\"");
            assertThatThrownBy(() -> protection.addLayer(" ", null))
                    .isInstanceOf(IllegalArgumentException.class);
        }

        @Test
        void handlersBelongToTheirLayer() {
            ProtectionLayer lazy =
                    protection.addLayer("lazy", (machine, fault) -> Resolution.RETRY);
            assertThat(protection.handlerOf(lazy).onFault("m", null)).isEqualTo(Resolution.RETRY);
            assertThat(protection.handlerOf(user)).isNull();
            PageProtection other = new PageProtection(memory);
            assertThatThrownBy(() -> protection.handlerOf(other.userLayer()))
                    .isInstanceOf(IllegalArgumentException.class);
        }

        @Test
        void userLayerCannotBeClosed() {
            assertThatThrownBy(user::close).isInstanceOf(IllegalStateException.class);
        }

        @Test
        void thereAreAtMost64() {
            for (int i = 1; i < 64; i++) {
                protection.addLayer("l" + i, null).protectPage(3, NONE);
            }
            assertThat(protection.forbiddingLayers(3, R)).isEqualTo(-2L);
            assertThatThrownBy(() -> protection.addLayer("more", null))
                    .isInstanceOf(IllegalStateException.class);
        }
    }

    @Nested
    class Announcements {
        @Test
        void restrictionIsToldAfterItIsStored() {
            List<Integer> seen = new ArrayList<>();
            protection.addListener((gpa, size) -> seen.add(rights(gpa >>> 12)));
            user.protect(0x5000, 0x2000, R);
            user.protectPage(9, RX);
            assertThat(told).containsExactly("5000+2000", "9000+1000");
            assertThat(seen).containsExactly(R, RX);
        }

        @Test
        void pureWideningIsNotTold() {
            user.protect(0, 8 * MIB, R);
            told.clear();
            user.protect(0, 4 * MIB, RW);
            user.protect(0x1000, 0x3000, RWX);
            user.protectPage(0x600, RX);
            assertThat(told).isEmpty();
        }

        @Test
        void repeatedRestrictionIsNotToldAgain() {
            user.protect(0x1000, 0x1000, NONE);
            user.protect(0x1000, 0x1000, NONE);
            user.protectPage(1, NONE);
            assertThat(told).containsExactly("1000+1000");
        }

        @Test
        void exchangeOfRightsIsARestriction() {
            user.protectPage(1, R);
            told.clear();
            user.protectPage(1, W);
            assertThat(told).containsExactly("1000+1000");
        }

        @Test
        void onlyTheNarrowedPartIsTold() {
            user.protect(0, 0x300000, NONE);
            told.clear();
            user.protect(0x2ff000, 0x3000, NONE);
            assertThat(told).containsExactly("300000+2000");
        }

        @Test
        void wholeChunkThatWasPackedTellsItsNarrowedPages() {
            user.protect(0x200000, 0x200000, NONE);
            user.protect(0x210000, 0x2000, R);
            told.clear();
            user.protect(0x200000, 0x200000, NONE);
            assertThat(told).containsExactly("210000+2000");
        }

        @Test
        void everyListenerIsToldEvenIfOneFails() {
            PageProtection p = new PageProtection(memory);
            List<Long> last = new ArrayList<>();
            ProtectionListener broken =
                    (gpa, size) -> {
                        throw new IllegalStateException("broken");
                    };
            p.addListener(broken);
            p.addListener((gpa, size) -> last.add(gpa));
            assertThatThrownBy(() -> p.userLayer().protectPage(2, NONE)).hasMessage("broken");
            assertThat(last).containsExactly(0x2000L);
            p.removeListener(broken);
            p.userLayer().protectPage(3, NONE);
            assertThat(last).containsExactly(0x2000L, 0x3000L);
        }

        /**
         * A thread that finds the page narrow already must not return before somebody has flushed.
         */
        @Test
        void protectDuringAnotherAnnouncementTellsToo() {
            boolean[] nested = {false};
            protection.addListener((gpa, size) -> {
                if (!nested[0]) {
                    nested[0] = true;
                    user.protectPage(4, NONE);
                }
            });
            user.protectPage(4, NONE);
            assertThat(told).containsExactly("4000+1000", "4000+1000");
        }
    }

    @Nested
    class HostRanges {
        private final RamBlock block = new FakeBlock("b", 0x7000_0000_0000L, 16 * MIB);

        @BeforeEach
        void alias() {
            memory.map(0x1000000, 0x10000, block, 0x2000, false);
            memory.map(0x2000000, 0x10000, block, 0x4000, false);
        }

        @Test
        void everyAliasIsProtected() {
            user.protectHost(block.hva() + 0x4fff, 2, NONE);
            assertThat(rights(0x1001)).isEqualTo(RWX);
            assertThat(rights(0x1002)).isEqualTo(NONE);
            assertThat(rights(0x1003)).isEqualTo(NONE);
            assertThat(rights(0x1004)).isEqualTo(RWX);
            assertThat(rights(0x2000)).isEqualTo(NONE);
            assertThat(rights(0x2001)).isEqualTo(NONE);
            assertThat(rights(0x2002)).isEqualTo(RWX);
            assertThat(told).containsExactly("1002000+2000", "2000000+2000");
        }

        @Test
        void partOutsideTheSlotsIsIgnored() {
            user.protectHost(block.hva(), 0x3000, R);
            assertThat(rights(0x1000)).isEqualTo(R);
            assertThat(user.restrictedPages()).isEqualTo(1);
        }

        @Test
        void rangeWithoutGuestMemoryIsRejected() {
            assertThatThrownBy(() -> user.protectHost(block.hva() + 8 * MIB, 0x1000, NONE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("backs no guest memory");
        }

        @Test
        void emptyNegativeAndWrappingRangesAreRejected() {
            assertThatThrownBy(() -> user.protectHost(block.hva(), 0, NONE))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> user.protectHost(-4096, 4096, NONE))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> user.protectHost(block.hva(), Long.MAX_VALUE, NONE))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Nested
    class Unmapping {
        private static RamBlock block(long size) {
            return new FakeBlock("other", 1L << 50, size);
        }

        @Test
        void dropsRightsInEveryLayerAndTellsNobody() {
            ProtectionLayer other = protection.addLayer("other", null);
            user.protect(0, 8 * MIB, NONE);
            other.protectPage(0x300, R);
            told.clear();
            memory.unmap(0, 8 * MIB);
            assertThat(user.restrictedPages()).isZero();
            assertThat(other.restrictedPages()).isZero();
            assertThat(told).isEmpty();
        }

        @Test
        void growsNothing() {
            long before = protection.storageBytes();
            memory.unmap(0, 8 * MIB);
            memory.map(0, 1L << 45, block(1L << 45), 0, false);
            memory.unmap(0, 1L << 45);
            assertThat(protection.storageBytes()).isEqualTo(before);
        }

        @Test
        void changeInPlaceKeepsRights() {
            user.protectPage(7, RX);
            memory.map(0, 8 * MIB, block(8 * MIB), 0, false);
            assertThat(rights(7)).isEqualTo(RX);
        }
    }

    @Test
    void closeStopsListeningAndEndsTheLayers() {
        user.protectPage(1, NONE);
        protection.close();
        protection.close();
        assertThat(memory.listeners()).isZero();
        assertThat(rights(1)).isEqualTo(RWX);
        assertThatThrownBy(() -> user.protectPage(1, NONE))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> protection.addLayer("late", null))
                .isInstanceOf(IllegalStateException.class);
    }

    @Nested
    class SlotsAndRanges {
        @Test
        void aSlotIsProtectedAsAWhole() {
            user.protectSlot(memory.slots().getFirst(), RX);
            assertThat(user.restrictedPages()).isEqualTo(8 * MIB / 4096);
            assertThat(user.nextRange(0)).isEqualTo(new RestrictedRange(0, 8 * MIB, RX));
        }

        @Test
        void aSlotThatIsNotMappedIsRejected() {
            MemorySlot real = memory.slots().getFirst();
            MemorySlot moved = new MemorySlot(0, MIB, real.block(), MIB, false);
            MemorySlot longer = new MemorySlot(0, 9 * MIB, real.block(), 0, false);
            for (MemorySlot s : List.of(moved, longer)) {
                assertThatThrownBy(() -> user.protectSlot(s, NONE))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("not part of the guest-physical map");
            }
            assertThat(user.restrictedPages()).isZero();
        }

        @Test
        void rangesAreRunsOfTheSameRights() {
            user.protect(0x3000, 0x2000, RX);
            user.protect(0x5000, 0x1000, NONE);
            user.protect(3 * MIB, 0x1000, R);
            assertThat(user.nextRange(0)).isEqualTo(new RestrictedRange(0x3000, 0x2000, RX));
            assertThat(user.nextRange(0x4FFF)).isEqualTo(new RestrictedRange(0x4000, 0x1000, RX));
            assertThat(user.nextRange(0x5000)).isEqualTo(new RestrictedRange(0x5000, 0x1000, NONE));
            assertThat(user.nextRange(0x6000)).isEqualTo(new RestrictedRange(3 * MIB, 0x1000, R));
            assertThat(user.nextRange(3 * MIB + 0x1000)).isNull();
            assertThat(user.restrictedRanges()).isEqualTo(3);
        }

        @Test
        void windowsAreAPowerOfTwo() {
            assertThat(Long.bitCount(protection.chunkBytes())).isEqualTo(1);
        }
    }
}
