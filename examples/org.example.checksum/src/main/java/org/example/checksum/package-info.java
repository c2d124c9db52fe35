// SPDX-License-Identifier: Apache-2.0
/** An extension that adds a device: registers in memory, DMA, an interrupt, saved state. */
package org.example.checksum;
