// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

import dev.faultline.api.address.Hva;

/**
 * One translation that is to be read. The arrays are used, not copied.
 *
 * @param code its bytes
 * @param hva where it will be executed
 * @param entries hva of each place where it may be entered, besides its beginning
 * @param codeClass index of its {@link Layout.Tables}
 * @param firstExit number of its first way out
 * @param endExit number behind that of its last way out
 * @param links hva where each jump ends that may later be made to go to another translation
 */
public record Candidate(
        byte[] code,
        @Hva long hva,
        @Hva long[] entries,
        int codeClass,
        int firstExit,
        int endExit,
        @Hva long[] links) {}
