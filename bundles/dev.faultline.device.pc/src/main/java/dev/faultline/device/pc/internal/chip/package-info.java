// SPDX-License-Identifier: Apache-2.0
/** What several chips share: byte-wide ports, counting of guest time. */
@NullMarked
package dev.faultline.device.pc.internal.chip;

import org.jspecify.annotations.NullMarked;
