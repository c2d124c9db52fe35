// SPDX-License-Identifier: Apache-2.0
/**
 * Rights per page in layers. Here: what a page's rights are and who is told when they shrink. Not
 * here: caches of translations (MMU) and the asking of fault handlers (machine).
 */
@NullMarked
package dev.faultline.protection.internal;

import org.jspecify.annotations.NullMarked;
