// SPDX-License-Identifier: Apache-2.0
/**
 * The software MMU: guest paging ({@link dev.faultline.mmu.internal.Translator}), the second stage
 * ({@link dev.faultline.mmu.internal.Ept}) and the rendezvous that takes translations away again
 * ({@link dev.faultline.mmu.internal.GuestMmu}).
 *
 * <p>Nothing here locks. What makes it race-free is the order <i>rights change, leaf goes, vCPUs
 * acknowledge</i> on one side, and <i>claim the leaf, read the rights, publish</i> on the other;
 * {@link dev.faultline.mmu.internal.Ept} has the argument.
 */
@NullMarked
package dev.faultline.mmu.internal;

import org.jspecify.annotations.NullMarked;
