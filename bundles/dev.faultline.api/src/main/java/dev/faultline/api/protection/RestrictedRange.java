// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.address.Gpa;

/**
 * A run of pages with the same rights, not RWX.
 *
 * @param gpa first byte, page-aligned
 * @param size bytes, a positive multiple of 4096
 * @param rights a proper subset of {@link Rights#RWX}
 */
public record RestrictedRange(@Gpa long gpa, long size, int rights) {
    /** First gpa after the range. */
    public @Gpa long end() {
        return gpa + size;
    }
}
